"""The machine that is measured on: its processor, and what other programs take of it."""

import os
import sys
import time
from pathlib import Path


def jiffies():
    """Ticks that this machine's cores were busy, or taken away by the host, and all ticks."""
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, open("/proc/stat").readline().split()[1:9])
    busy = user + nice + system + irq + softirq + steal
    return busy, busy + idle + iowait


def own_jiffies(pids):
    """Ticks that these processes used."""
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += sum(map(int, fields[11:15]))
    return used


class Bystanders:
    """What other programs took of the machine since this was made."""

    def __init__(self, pids):
        self.pids, self.start, self.own = pids, jiffies(), own_jiffies(pids)

    def share(self):
        busy, total = (now - then for now, then in zip(jiffies(), self.start))
        return max(0.0, (busy - (own_jiffies(self.pids) - self.own)) / max(total, 1))


def refuse_if_busy():
    """Ends this program where others use more than a tenth of the machine."""
    before = Bystanders([os.getpid()])
    time.sleep(3)
    if (share := before.share()) > 0.1:
        sys.exit(f"compare: other programs are using {share:.0%} of this machine: wait, or say --busy to measure all the same")


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return f"{len(names)} cores of {names[0] if names else 'an unknown processor'} with {vectors}"
