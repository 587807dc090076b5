"""Scripts of all languages can at least be read by their interpreters."""

import ast
import os
import subprocess
import xml.dom.minidom

import pytest
import tree


@pytest.mark.parametrize("path", tree.shell_scripts())
def test_shell(path):
    done = subprocess.run(["/bin/bash", "-n", path], cwd=tree.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert os.access(os.path.join(tree.ROOT, path), os.X_OK) or path.endswith(".sh"), f"{path} is not executable"


def test_python():
    for path in tree.python_files():
        ast.parse(tree.read(path), path)


def test_python_lines_fit():
    long = tree.grep(tree.python_files(), r"^.{121,}$")
    assert not long, tree.where(long)


def test_xml():
    for path in tree.files(suffixes=".xml"):
        xml.dom.minidom.parse(os.path.join(tree.ROOT, path))
