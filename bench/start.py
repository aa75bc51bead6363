#!/usr/bin/env python3
"""How soon the program is there: process start to the first prompt, to the first finished demo picture, and :again.

usage: start.py NEWBIE [ROUNDS]

Each round is a new process on a pseudo-terminal with an empty home directory. The prompt is typed the moment the program
asks for one. 28 steps, guidance on, 128x128, the program's own defaults otherwise. Prints medians and ranges.
"""
import os
import pty
import select
import statistics
import sys
import tempfile
import time

PROMPT = "<character_1>\r<n>miku</n>\r<pose>waving</pose>\r</character_1>\r\r"


class Terminal:
    """A program on a pseudo-terminal; remembers all it said."""

    def __init__(self, program, directory):
        self.said, self.start = b"", time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.environ.update(HOME=directory, TERM="xterm-256color", LC_ALL="C.UTF-8", INPUTRC="/dev/null")
            os.execv(program, [program])

    def wait_for(self, text):
        """Seconds since the last start or send until `text` was said."""
        text = text.encode()
        while text not in self.said:
            if not select.select([self.fd], [], [], 30)[0]:
                sys.exit(f"waited 30 s for {text!r}; the program said: {self.said.decode(errors='replace')}")
            self.said += os.read(self.fd, 65536)
        self.said = self.said[self.said.index(text) + len(text):]
        return time.perf_counter() - self.start

    def send(self, keys):
        os.write(self.fd, keys.encode())

    def end(self):
        self.send("quit\r")
        self.wait_for("pictures in")
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def one_round(program):
    with tempfile.TemporaryDirectory() as directory:
        terminal = Terminal(program, directory)
        prompt = terminal.wait_for("newbie> ")
        terminal.send(PROMPT)
        first = terminal.wait_for("output_001.png: seed")
        terminal.wait_for("newbie> ")
        terminal.start = time.perf_counter()
        terminal.send(":again\r")
        again = terminal.wait_for("output_002.png: seed")
        terminal.end()
    return prompt, first, again


def main():
    program, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 9
    results = zip(*(one_round(program) for _ in range(rounds)))
    for name, seconds in zip(("first prompt", "first picture", ":again"), results):
        print(f"{name:14} {statistics.median(seconds):.3f} s   ({min(seconds):.3f} to {max(seconds):.3f} s, {rounds} rounds)")


if __name__ == "__main__":
    main()
