"""What the tests of port-ins begin with: coverage, and a complete order."""

import os

PDF = ("loa.pdf", "application/pdf", b"%PDF-1.7\nsigned\n")
ZIP = ("bills.zip", "application/zip", b"PK\x03\x04bills")
COVERAGE = """code,state,ratecenter
503333,OR,PORTLAND
,WA,RENTON
866,,
"""
# 503333 by its code, 425270 by its rate centre (the inventory knows 4252700000 to 0049).
PORTLAND = [f"503333{line:04d}" for line in range(9999)]
RENTON, TOLLFREE, NOWHERE = "4252709999", "8664440001", "2125550199"


def load_coverage(stack):
    path = os.path.join(stack.workdir, "coverage.csv")
    with open(path, "w", encoding="ascii") as f:
        f.write(COVERAGE)
    stack.ctl("lnp", "coverage", "import", path)


def port(api, numbers, **changes):
    """generate_lnp_order with what the document requires; None leaves a parameter out."""
    params = {"numbers": numbers, "category": "landline", "subscriberType": "residential",
              "loaAuthorizingPerson": "Sunny Summertime", "loa_doc": PDF, "carrier_doc": ZIP, **changes}
    return api.call("generate_lnp_order", encoding="multipart", **params)


def order_of(api, number):
    order, = api.get_lnp_orders(orderId=number).good()["Orders"]
    return order


def documents(stack):
    """Paths of all documents that the service keeps, with their contents."""
    found = {}
    for folder, _, names in os.walk(os.path.join(stack.files, "portin")):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, stack.files)] = f.read()
    return found


def set_foc(stack, account, order, ms):
    """A FOC at any moment, as if its day had come."""
    assert stack.redis.fcall("port_move", f"{{a:{account}}}", order, "FOC", "Operator", "", "", ms) == ["ok"]
