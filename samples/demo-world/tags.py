"""Writes the tag list that completes the demo world's words: ../tags/demo.csv.

Columns are those of the lists that danbooru completers read: name, type (0 general, 4 character, 5 meta), count, aliases.
The count is how often a word stands in the prompts of so many scenes; the aliases are the word in Chinese.

    python3 tags.py > ../tags/demo.csv
"""
import csv
import random
import re
import sys
import types

for module in ("numpy", "cairo"):  # only drawing needs them
    try:
        __import__(module)
    except ImportError:
        sys.modules[module] = types.ModuleType(module)

import world

SCENES = 100000
META = {"masterpiece", "low_quality"}


def words(prompt):
    """The items of all elements, in order, with the element they stand in."""
    found = re.findall(r"<(\w+)>([^<>]+)</\1>", prompt)
    return [(element, item.strip()) for element, text in found for item in text.split(",") if item.strip()]


def main():
    count, alias, names = {}, {}, set()
    for seed in range(SCENES):
        scene = world.sample(random.Random(seed))
        english = words(world.prompt(scene, "xml", random.Random(seed), "en"))
        chinese = words(world.prompt(scene, "xml", random.Random(seed), "zh"))
        for (element, word), (_, translated) in zip(english, chinese):
            count[word] = count.get(word, 0) + 1
            if translated != word:
                alias[word] = translated
            if element == "n":
                names.add(word)
    out = csv.writer(sys.stdout, lineterminator="\n")
    for word in sorted(count, key=lambda w: (-count[w], w)):
        kind = 4 if word in names else 5 if word in META else 0
        out.writerow([word, kind, count[word], alias.get(word, "")])


main()
