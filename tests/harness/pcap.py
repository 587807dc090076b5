"""Captures as bytes: the packets of a file, and the same packets as other networks would have carried them."""

import struct

ETHERNET, RAW, NULL, COOKED, COOKED2 = 1, 101, 0, 113, 276
ENHANCED_PACKET = 6  # of pcapng: a block's type
_MAC = bytes(12)


def read(path):
    """(seconds, IP packet) of each Ethernet frame of a file of pcap."""
    with open(path, "rb") as f:
        data = f.read()
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    assert (magic, link) == (0xa1b2c3d4, ETHERNET)
    at, packets = 24, []
    while at < len(data):
        seconds, micros, captured, _ = struct.unpack_from("<IIII", data, at)
        packets.append((seconds + micros / 1e6, data[at + 30:at + 16 + captured]))
        at += 16 + captured
    return packets


def write(path, link, frames, snaplen=262144):
    """frames: (seconds, bytes). Longer ones than snaplen are cut."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, snaplen, link))
        for at, frame in frames:
            f.write(struct.pack("<IIII", int(at), round(at % 1 * 1e6) % 1000000, min(len(frame), snaplen), len(frame)))
            f.write(frame[:snaplen])
    return path


# --- links: what stands before the IP packet --------------------------------------


def ethernet(packet, *tags):
    types = b"".join(struct.pack(">HH", kind, vlan) for kind, vlan in tags)
    return _MAC + types + b"\x08\x00" + packet


def cooked(packet):
    return struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800) + packet


def cooked2(packet):
    return struct.pack(">HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, bytes(8)) + packet


def null(packet):
    return struct.pack("<I", 2) + packet


# --- packets ---------------------------------------------------------------------


def is_tcp(packet):
    return packet[9] == 6


def fragments(packet, size=480):
    """An IPv4 packet in pieces, the last one first."""
    if len(packet) <= 20 + size:
        return [packet]
    payload, pieces = packet[20:], []
    for at in range(0, len(payload), size):
        piece = payload[at:at + size]
        more = 0x2000 if at + size < len(payload) else 0
        head = bytearray(packet[:20])
        struct.pack_into(">H", head, 2, 20 + len(piece))
        struct.pack_into(">H", head, 6, more | at // 8)
        struct.pack_into(">H", head, 4, hash(bytes(packet)) & 0xffff)
        pieces.append(bytes(head) + piece)
    return pieces[::-1]


def segments(packet, size=100):
    """The payload of a TCP packet in several, out of order, each of them twice and overlapping the one before."""
    head = 20 + (packet[32] >> 4) * 4
    payload = packet[head:]
    if len(payload) <= size:
        return [packet]
    pieces = []
    for at in range(0, len(payload), size):
        start = max(0, at - 10)
        piece = bytearray(packet[:head]) + payload[start:at + size]
        struct.pack_into(">H", piece, 2, len(piece))
        struct.pack_into(">I", piece, 24, (struct.unpack_from(">I", packet, 24)[0] + start) & 0xffffffff)
        pieces += [bytes(piece)] * 2
    return pieces[2:4] + pieces[:2] + pieces[4:]
