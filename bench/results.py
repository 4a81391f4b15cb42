# SPDX-License-Identifier: Apache-2.0
"""What bench/run measured, and what can be said of it."""
import json
import os
import statistics

import boxes

RECORDED = os.path.join(boxes.TOP, "bench/recorded")


def save(name, found):
    with open(os.path.join(boxes.OUT, name), "w") as file:
        json.dump(found, file, indent=1)


def load(name):
    with open(os.path.join(boxes.OUT, name)) as file:
        return json.load(file)


def ratios(cells, box, to="native"):
    """How many times longer `box` took than `to`, in each round, sorted; empty where one has no times."""
    a, b = cells.get(box), cells.get(to)
    if not isinstance(a, list) or not isinstance(b, list):
        return []
    return sorted(x / y for x, y in zip(a, b))


def ratio(cells, box, to="native"):
    found = ratios(cells, box, to)
    return statistics.median(found) if found else None


def best_of_ours(results):
    """The platform that --platform=auto would pick of those that were measured."""
    return next((box for box in ("kvm", "systrap", "ptrace") if box in results["boxes"]), None)


def show(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return "%.3g %s" % (ns / size, unit)
    return "%.3g ns" % ns


def recorded(path):
    """(row, box) -> (lowest, median, highest) ratio to native, as bench/recorded has them."""
    found = {}
    with open(path) as file:
        for line in file:
            if not line.startswith("#"):
                row, box, *three = line.split()
                found[row, box] = tuple(map(float, three))
    return found


def machine_line(machine):
    return "%s, %d CPUs, %s, Linux %s" % (
        machine["cpu"], machine["cpus"], "virtual machine" if machine["virtual"] else "not virtualised",
        machine["kernel"])
