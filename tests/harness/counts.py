"""Prints "passed failed skipped" of a junit file; what the runners of C programs share."""

import os
import sys
import xml.etree.ElementTree as ET


def counts(path):
    passed = failed = skipped = 0
    for case in ET.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def write_junit(path, cases):
    """Writes cases as (suite, name, outcome, text); outcome is passed, failed or skipped."""
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", name="tests")
    for group, name, outcome, text in cases:
        case = ET.SubElement(suite, "testcase", classname=group, name=name)
        if outcome != "passed":
            ET.SubElement(case, "failure" if outcome == "failed" else "skipped").text = text
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def programs(folder, prefix):
    """Executable files of a folder whose names begin so."""
    found = (os.path.join(folder, n) for n in sorted(os.listdir(folder)) if n.startswith(prefix))
    return [p for p in found if os.path.isfile(p) and os.access(p, os.X_OK)]


if __name__ == "__main__":
    print(*counts(sys.argv[1]))
