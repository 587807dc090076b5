"""Sample inventory for tests: number,state,ratecenter,city."""

BLOCKS = (  # NPANXX, state, rate centre, city, numbers
    ("206219", "WA", "SEATTLE", "Seattle", 100),
    ("206220", "WA", "SEATTLE", "Seattle", 20),
    ("425270", "WA", "RENTON", "Renton", 50),
    ("503222", "OR", "PORTLAND", "Portland", 50),
    ("415200", "CA", "SNFC CNTRL", "San Francisco", 20),
    ("800219", "", "", "", 20),
    ("888220", "", "", "", 20),
)


def write_inventory(path, blocks=BLOCKS):
    """Writes a CSV of consecutive numbers from line 0000 of each block; returns all the numbers."""
    numbers = []
    with open(path, "w", encoding="ascii") as f:
        f.write("number,state,ratecenter,city\n")
        for block, state, ratecenter, city, count in blocks:
            for line in range(count):
                numbers.append(f"{block}{line:04d}")
                f.write(f"{block}{line:04d},{state},{ratecenter},{city}\n")
    return numbers
