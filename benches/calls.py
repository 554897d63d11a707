"""Refuses a program whose kernels call what should be inlined in them.

usage: python calls.py PROGRAM       (needs nm and objdump; x86-64)

A kernel is compiled for AVX2 and AVX-512 by being inlined whole into a function with these instructions (`entry.rs`). What
the compiler leaves out of it, an iterator's method or an intrinsic, is compiled for SSE2, and called with vectors in memory:
three times the time of ReinMax's backward pass, once. Functions of this project are called on purpose; its closures are not."""

import re
import subprocess
import sys

ENTRY = re.compile(r"\breinmax::entry::(run_)?avx")
# By how a name begins, as what is left out may well be generic over a type of this project.
OURS = re.compile(r"<?reinmax(_core)?::")
OTHERS = re.compile(r"(mem(cpy|set|move|cmp)|bcmp)\b|core::(panicking|slice::index)::|__rust_probestack\b")


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def symbols(program):
    """{address: name}"""
    matches = (re.match(r"([0-9a-f]+) [tTwW] (.*)", line) for line in lines("nm", "-C", program))
    return {int(match[1], 16): match[2] for match in matches if match}


def slots(program, names):
    """{address of a slot that calls go through: the name of what it leads to}"""
    found = {}
    for line in lines("objdump", "-R", program):
        match = re.match(r"([0-9a-f]+) R_X86_64_(\w+)\s+(\S+)", line)
        if match and match[2] == "RELATIVE":
            found[int(match[1], 16)] = names.get(int(match[3].split("+")[-1], 16), match[3])
        elif match:
            found[int(match[1], 16)] = match[3]
    return found


def calls(program):
    """Each call of a compiled kernel: (kernel's entry point, what it calls). Calls by a register are those of an address that
    was loaded for several."""
    through, entry = slots(program, symbols(program)), None
    for line in lines("objdump", "-d", "-C", "--no-show-raw-insn", program):
        if line.endswith(">:"):
            entry = line.split("<", 1)[1][:-2] if ENTRY.search(line) else None
        elif entry and "call" in line:
            slot = re.search(r"# ([0-9a-f]+)", line)
            direct = re.search(r"call +[0-9a-f]+ <(.*)>", line)
            if slot or direct:
                yield entry, through.get(int(slot[1], 16), line) if slot else direct[1]


def meant(name):
    # A closure is a function of its own, without the instructions of the kernel that it stands in.
    return OTHERS.match(name) or OURS.match(name) and "{closure" not in name


def main():
    found = list(calls(sys.argv[1]))
    if not found:
        sys.exit(f"{sys.argv[1]} has no kernel for AVX2 or AVX-512, or no symbols")
    refused = sorted({f"{entry} calls {name}" for entry, name in found if not meant(name)})
    for line in refused:
        print(line, file=sys.stderr)
    if refused:
        sys.exit("kernels call what should be inlined in them: see above")
    print(f"{len(found)} calls of kernels, all of them meant", file=sys.stderr)


main()
