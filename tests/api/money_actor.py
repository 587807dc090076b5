"""Customers that do at random what costs or brings money, through trunkds that die under them.

Each has a thread, an account and a seed of its own. A reply that never came, or a 5xx, leaves it in the dark, as a
customer would be: it goes on, or asks again. What was acknowledged is noted, and must be in the books at the end.
"""

import itertools
import random
import threading

from harness import CtlFailed
from port_client import PDF, PORTLAND, ZIP

CARDS = [("4242424242424242", 6), ("5555555555554444", 3), ("4000000000000002", 1), ("4000000000009995", 1),
         ("4000000000000341", 2)]
STATES = ("WA", "OR", "CA")
_amounts = itertools.count(1)  # no two payments look the same
_calls = itertools.count(1)


class Actor(threading.Thread):
    """urls() gives the trunkds that may be asked; steps of what it does are in .done, acknowledged things in
    .orders, .ports, .paid, .sold."""

    def __init__(self, stack, name, seed, urls, steps):
        super().__init__(daemon=True)
        self.stack, self.chance, self.urls, self.steps = stack, random.Random(f"{seed} {name}"), urls, steps
        self.account, token = stack.add_account(
            str(self.chance.randrange(20, 60)), "--sandbox", "--did-monthly", "1.25", "--did-setup", "0.5",
            "--per-order", "0.75", "--tax-percent", "7.5", "--discount-percent", "10", "--in-rate", "0.6",
            "--call-tax-percent", "5")
        self.key = f"{{a:{self.account}}}"
        self.api = stack.api_of(self.account, token)
        self.trunk = stack.define_trunk(("127.0.0.3", 5060), api=self.api)
        self.orders, self.ports, self.paid, self.sold = set(), set(), {}, set()
        self.done, self.error = [], None

    def run(self):
        deeds = [(6, self.order), (2, self.race), (2, self.again), (3, self.cancel), (4, self.pay), (2, self.refund),
                 (1, self.unpay), (1, self.credit), (4, self.call), (3, self.port), (1, self.end_port), (1, self.fees)]
        try:
            for _ in range(self.steps):
                deed, = self.chance.choices([d for _, d in deeds], [w for w, _ in deeds])
                deed()
                self.done.append(deed.__name__)
        except BaseException as error:  # shown by the test
            self.error = error

    # --- asking -------------------------------------------------------------------------

    def ask(self, endpoint, **params):
        """A reply of the contract, or None: nobody knows what became of it."""
        try:
            reply = self.api.with_(url=self.chance.choice(self.urls())).call(endpoint, **params)
        except OSError:
            return None
        assert reply.status in (200, 404) or reply.status >= 500 or reply.status == 409, reply
        return reply if reply.status in (200, 404) else None

    def gain(self, endpoint, **params):
        """The reply when it is a success."""
        reply = self.ask(endpoint, **params)
        return reply if reply and reply.ok else None

    def rows(self, endpoint, key="data", **params):
        reply = self.gain(endpoint, **params)
        return reply[key] if reply else []

    def operator(self, *words):
        """trunkctl; a refusal by the state of things is none of this test's business."""
        try:
            return self.stack.ctl(*words)
        except CtlFailed as refused:
            assert refused.code == 1, refused
            return None

    # --- deeds --------------------------------------------------------------------------

    def order(self):
        self.buy(self.gain("bulkreserve", category="landline", state=self.chance.choice(STATES),
                           quantity=str(self.chance.randint(1, 4))))

    def race(self):
        """For a number that all the others want, too: the first free ones."""
        state = self.chance.choice(STATES)
        free = [d["TN"] for d in self.rows("searchdid", "DIDs", state=state, limit="3")]
        if free:
            self.buy(self.gain("reserve", category="landline", state=state, number=",".join(free)))

    def buy(self, cart):
        order = cart and self.gain("gen_order", trunk_id=self.trunk, reserveId=cart["reserveId"])
        if order and self.chance.random() < 0.9:
            for _ in range(self.chance.choice((1, 1, 2))):
                self.process(order["orderId"])

    def process(self, order):
        if self.gain("process_order", orderId=order):
            self.orders.add(order)

    def again(self):
        orders = self.rows("get_new_orders", "Orders")
        if orders:
            self.process(self.chance.choice(orders)["orderno"])

    def cancel(self):
        active = [n["didnumber"] for n in self.rows("getnumbers", status="1")]
        if active:
            self.ask("updatenumber", number=self.chance.choice(active), status="2")

    def pay(self):
        card, = self.chance.choices([c for c, _ in CARDS], [w for _, w in CARDS])
        amount = f"{self.chance.randint(3, 20)}.{next(_amounts) % 100:02d}"
        keyed = {"headers": {"Idempotency-Key": f"{self.account} {amount} {next(_amounts)}"}}
        params = {"firstname": "A", "lastname": "B", "cardnumber": card, "expmonth": "12", "expyear": "2040",
                  "cvv": "123", "amount": amount, **(keyed if self.chance.random() < 0.5 else {})}
        for _ in range(self.chance.choice((1, 2))):
            paid = self.gain("make_payment", **params)
            if paid:
                assert self.paid.setdefault(paid["referenceno"], amount) == amount

    def payments(self):
        return [p["referenceno"] for p in self.rows("get_payments", method="Credit Card") if p["status"] == "1"]

    def refund(self):
        for paid in self.chance.sample(p := self.payments(), min(len(p), 1)):
            self.operator("payment", "refund", self.account, paid, *self.chance.choice(((), ("1.50",))))

    def unpay(self):
        for paid in self.chance.sample(p := self.payments(), min(len(p), 1)):
            self.operator("payment", "cancel", self.account, paid)

    def credit(self):
        self.operator("account", "credit", self.account, str(self.chance.randint(1, 9)))

    def fees(self):
        self.operator("fee", "run", self.account)

    def call(self):
        """As sipmod makes them: admitted, answered, finished, twice reported."""
        active = [n["didnumber"] for n in self.rows("getnumbers", status="1")]
        if not active:
            return
        name = f"call{next(_calls)}"
        reply = self.stack.redis.fcall("call_admit", self.key, name, "in", self.chance.choice(active), "", "n", "b",
                                       "sip:a@b", "sip:c@d", "127.0.0.2:5060", "test", f"{name}@x", "", "", "", "",
                                       "486", "3600")
        answered = str(self.chance.randint(1, 90000)) if self.chance.random() < 0.7 else ""
        for _ in range(2 if reply[:2] == ["ok", "new"] else 0):
            self.stack.redis.fcall("call_finish", self.key, name, "200" if answered else "486",
                                   "answered" if answered else "busy", "caller", "", "", "", "", answered, "0", "")

    def port(self):
        numbers = self.chance.sample(PORTLAND[:60], 2)  # few enough that others have them
        made = self.gain("generate_lnp_order", encoding="multipart", numbers=",".join(numbers), category="landline",
                         subscriberType="business", loaAuthorizingPerson="A B", loa_doc=PDF, carrier_doc=ZIP)
        if made:
            self.ports.add(made["orderNo"])

    def end_port(self):
        opened = [o["orderno"] for o in self.rows("get_lnp_orders", "Orders") if o["processingStatus"] == "DRAFT"]
        if not opened:
            return
        order = self.chance.choice(opened)
        if self.chance.random() < 0.5:
            self.operator("port", "cancel", self.account, order)
        elif self.operator("port", "submit", self.account, order) is not None:
            self.operator("port", "foc", self.account, order, "2090-03-15")
            self.operator("port", "complete", self.account, order)
