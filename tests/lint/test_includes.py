"""Who may include whom."""

import os
import re

import pytest
import tree

# folder -> folders whose headers it may include
MAY_INCLUDE = {
    "shared": ("shared",),
    "redis-schema": ("redis-schema", "shared"),
    "daemon": ("daemon", "redis-schema", "shared"),
    "daemon/ctl": ("daemon/ctl", "daemon", "redis-schema", "shared"),
    "sipmod": ("sipmod", "redis-schema", "shared"),
}

# header of a third party -> the files that wrap it
CONFINED = {
    r"microhttpd\.h": r"daemon/http\w*\.c",
    r"gnutls/.*": r"daemon/http_tls\.c",
    r"osip\w*/.*": r"sipmod/(msg\w*|arena|txn\w*)\.c",
    r"hiredis/.*|hiredis\.h": r"shared/(redis\w*|reply)\.[ch]",
    r"hpdf\w*\.h": r"daemon/pdf\.c",
    r"curl/.*": r"daemon/(gateway_http|webhook_http)\.c",
    r"openssl/.*": r"(sipmod/tls|shared/secret)\.c",
    r"ares\w*\.h": r"sipmod/dns\.c",
    r"n?curses\w*(/.*|\.h)": r"daemon/ctl/ctl_top_screen\.c",
    r"pcap(/.*|\.h)": r"sipmod/(capture\w*|tap_pcap)\.c",
}

# folder -> third parties that must not appear in it at all
FOREIGN = {
    "shared": r"microhttpd\.h|osip|pcap",
    "daemon": r"osip|pcap",
    "sipmod": r"microhttpd\.h",
}


def includes(path, brackets):
    return re.findall(rf'^\s*#\s*include\s*{brackets[0]}([^>"]+){brackets[1]}', tree.read(path), re.MULTILINE)


def headers_of(folder):
    place = os.path.join(tree.ROOT, folder)
    return {n for n in os.listdir(place) if n.endswith(".h")} if os.path.isdir(place) else set()


def folder_sources(folder):
    return [p for p in tree.c_files(folder) if os.path.dirname(p).startswith(folder)]


@pytest.mark.parametrize("folder", MAY_INCLUDE)
def test_own_headers(folder):
    allowed = set().union(*(headers_of(f) for f in MAY_INCLUDE[folder]))
    wrong = [f'{p}: "{name}" is not a header of {", ".join(MAY_INCLUDE[folder])}'
             for p in folder_sources(folder) if os.path.dirname(p) == folder or folder != "daemon"
             for name in includes(p, '""') if name not in allowed and not is_generated(name)]
    assert not wrong, tree.where(wrong)


def is_generated(name):
    return name in {"schema_bundle.h", "version.h"}


@pytest.mark.parametrize("header", CONFINED)
def test_third_parties_are_wrapped(header):
    wrong = [f"{p}: <{name}> belongs in {CONFINED[header]} alone"
             for p in tree.c_files("shared", "daemon", "sipmod", "redis-schema")
             for name in includes(p, "<>") + includes(p, '""')
             if re.fullmatch(header, name) and not re.fullmatch(CONFINED[header], p)]
    assert not wrong, tree.where(wrong)


@pytest.mark.parametrize("folder", FOREIGN)
def test_layers_keep_clear_of(folder):
    wrong = [f"{p}: <{name}>" for p in folder_sources(folder) for name in includes(p, "<>")
             if re.match(FOREIGN[folder], name)]
    assert not wrong, tree.where(wrong)


def test_headers_have_guards_named_alike():
    """shared/addr.h is guarded by TRUNKLINE_ADDR_H or TRUNKLINE_<FOLDER>_ADDR_H."""
    wrong = []
    for path in tree.c_files("shared", "daemon", "sipmod", "redis-schema"):
        if path.endswith(".h"):
            name = os.path.basename(path)[:-2].upper().replace("-", "_")
            if not re.search(rf"^#ifndef TRUNKLINE_(\w+_)?{name}_H$", tree.read(path), re.MULTILINE):
                wrong.append(f"{path}: no guard TRUNKLINE_{name}_H")
    assert not wrong, tree.where(wrong)


KEYS = r'"(\{a:|did:|inv:|ip:|gw:|lcr:|seq:|node:|job:|tl:|lnp:)'


def test_key_names_are_built_in_one_file():
    paths = [p for p in tree.c_files("shared", "daemon", "sipmod") if p not in ("shared/keys.c", "shared/keys.h")]
    found = tree.grep(paths, KEYS)
    assert not found, "key names belong in shared/keys.c:" + tree.where(found)


def test_key_names_are_built_in_one_file_of_lua():
    paths = [p for p in tree.files("redis-schema", suffixes=".lua") if p != "redis-schema/part/key.lua"]
    found = tree.grep(paths, r"redis\.call\('\w+', *'|\b(KEYS\[1\]|account|inventory|a) *\.\. *':[a-z]")
    assert not found, "key names belong in redis-schema/part/key.lua:" + tree.where(found)


def test_a_key_name_is_recognised():
    assert re.search(KEYS, 'snprintf(b, n, "did:%s", number);')
    assert not re.search(KEYS, 'put("sip:%s", number);')
