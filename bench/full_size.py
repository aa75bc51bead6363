#!/usr/bin/env python3
"""The published model's size on this CPU: time of each phase, time per step as pictures grow, peak memory.

usage: full_size.py NEWBIE FOLDER [SIZE...]        sizes in pixels, 256 512 1024 unless given

FOLDER is what bench/make_model wrote: random numbers in real shapes, so the pictures mean nothing. One session, one
guided step for each size; the prompt is new each time, so text is encoded each time.
"""
import json
import resource
import subprocess
import sys
import time


def main():
    program, folder = sys.argv[1:3]
    sizes = [int(size) for size in sys.argv[3:]] or [256, 512, 1024]
    begun = time.perf_counter()
    session = subprocess.Popen([program, "--json", "--no-rc", "-m", folder, "--steps=1", "--cfg=5", "--seed=1",
                                "--outdir=/tmp", "--prefix=full_size_"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for turn, size in enumerate(sizes):
        session.stdin.write(f':size {size}x{size}\n"""\n1girl, w{turn} w7 w8 w9, blue_hair, twintails, beach\n"""\n')
    session.stdin.close()
    print("| size | text | one guided step | vae | memory while it ran |\n|---|---|---|---|---|")
    phases, left = {}, list(sizes)
    for line in session.stdout:
        event = json.loads(line)
        if event["event"] == "model":
            print(f"loaded in {time.perf_counter() - begun:.1f} s, {event['device']}, {event['precision']}", file=sys.stderr)
        elif event["event"] == "phase":
            phases[event["name"]] = event["seconds"]
        elif event["event"] == "saved":
            print(f"| {left.pop(0)} | {phases['text']:.1f} s | {phases['denoise']:.1f} s | {phases['vae']:.1f} s | "
                  f"{event['peak_bytes'] / 2**30:.2f} GiB |", flush=True)
        elif event["event"] == "error":
            sys.exit(f"newbie: {event['message']}")
    session.wait()
    print(f"peak resident memory {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
