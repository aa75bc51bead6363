#!/usr/bin/env python3
"""The same demo pictures in PyTorch and in newbie, turn by turn in one run; medians and their ratio.

usage: compare_torch.py NEWBIE [--rounds N] [--threads 1,2] [--sizes 128x128,256x256]

NEWBIE is the built program. PyTorch runs samples/demo-world/pipeline.py, in float32 and bfloat16; the better
one counts. Both are hot: the model is loaded and one picture was made before anything is timed. Every round
has another prompt, so that both encode text each time, and another seed; steps (28), guidance and size are
the same. newbie is timed from the outside, from the line that submits the prompt to the line that says the
file is saved; PyTorch without writing a file.
Needs torch, numpy, safetensors, sentencepiece, pillow.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "samples/demo-world"))
MODEL = ROOT / "samples/demo-model"
STEPS, GUIDANCE = 28, 4.0
PROMPT = """<character_1>
<n>miku</n>
<gender>1girl</gender>
<appearance>{hair}_hair, twintails, {eyes}_eyes</appearance>
<clothing>black_school_uniform</clothing>
<expression>smile</expression>
<pose>waving</pose>
<position>left</position>
</character_1>
<character_2>
<n>len</n>
<gender>1boy</gender>
<appearance>blonde_hair, spiky_hair, blue_eyes</appearance>
<clothing>white_shirt, headphones</clothing>
<pose>standing</pose>
<position>right</position>
</character_2>
<general_tags>
<count>1girl, 1boy</count>
<style>anime_style</style>
<background>beach</background>
</general_tags>"""
HAIR = ("teal", "pink", "blue", "green", "red", "white", "black", "purple")


def prompt(turn):
    return PROMPT.format(hair=HAIR[turn % 8], eyes=HAIR[turn // 8 % 8])


class Newbie:
    """A session on pipes: prompts in, NDJSON out."""

    def __init__(self, program, threads, size, precision, outdir):
        self.name = f"newbie {precision}"
        self.process = subprocess.Popen(
            [program, "--json", "--no-rc", "--demo", f"--threads={threads}", f"--size={size}",
             f"--steps={STEPS}", f"--cfg={GUIDANCE}", f"--precision={precision}", f"--outdir={outdir}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def picture(self, text, seed):
        start = time.perf_counter()
        self.process.stdin.write(f':seed {seed}\n"""\n{text}\n"""\n')
        self.process.stdin.flush()
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "error":
                sys.exit(f"newbie: {event['message']}")
            if event["event"] == "saved":
                return time.perf_counter() - start
        sys.exit("newbie ended before the picture was there")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Torch:
    def __init__(self, dtype, threads, size):
        import torch

        from pipeline import Pipeline
        self.name = f"torch {torch.__version__} {dtype}"
        self.torch, self.threads = torch, threads
        self.width, self.height = map(int, size.split("x"))
        self.pipe = Pipeline(MODEL, {"f32": torch.float32, "bf16": torch.bfloat16}[dtype])

    def picture(self, text, seed):
        self.torch.set_num_threads(self.threads)
        start = time.perf_counter()
        self.pipe(text, seed=seed, steps=STEPS, guidance=GUIDANCE, width=self.width, height=self.height)
        return time.perf_counter() - start

    def close(self):
        pass


def compare(program, threads, size, rounds):
    with tempfile.TemporaryDirectory() as outdir:
        peers = [Torch("f32", threads, size), Torch("bf16", threads, size),
                 Newbie(program, threads, size, "f32", outdir),
                 Newbie(program, threads, size, "bf16", outdir)]
        for peer in peers:
            peer.picture(prompt(0), 0)
        times = {peer.name: [] for peer in peers}
        for turn in range(1, rounds + 1):
            for peer in peers:
                times[peer.name].append(peer.picture(prompt(turn), turn))
        for peer in peers:
            peer.close()
    median = {name: statistics.median(seconds) for name, seconds in times.items()}
    best = {kind: min(seconds for name, seconds in median.items() if name.startswith(kind))
            for kind in ("torch", "newbie")}
    place = f"| {size} | {threads} |"
    for name, seconds in median.items():
        print(f"{place} {name} | {seconds:.3f} s | {min(times[name]):.3f} to {max(times[name]):.3f} s |")
    print(f"{place} **best torch / best newbie** | **{best['torch'] / best['newbie']:.2f}** | |", flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("newbie")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--sizes", default="128x128,256x256")
    a = parser.parse_args()
    print("| size | threads | program | median | range |\n|---|---|---|---|---|")
    for size in a.sizes.split(","):
        for threads in a.threads.split(","):
            compare(a.newbie, int(threads), size, a.rounds)


if __name__ == "__main__":
    main()
