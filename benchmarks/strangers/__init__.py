"""Attack a served registry in the ways of a hostile stranger, and measure whether others notice it.

    python -m benchmarks.strangers [--seconds 20] [--attackers 16] [--only ATTACK ...] [--items 1000000] [--workers 1]
                                   [--database sqlite|postgresql] [--quick] [--json]

Each attack (`attacks`) is a row: what is sent, and who sends it. For each row, a server is started on the same data,
and 16 attackers send for 20 seconds. At the same time, two probes (`probes`) send a request every 0.1 s, on a new
connection each: GET /healthz, and a look-up of 100 digests with a key of another organization. A row is passed if

- both probes are answered with status 200, and their 99th percentile is under 1 s,
- the anonymous memory of all workers grows by at most 300 MB, and returns: within 60 s after the attack it is at most
  150 MB above its value before (the cache of mixes alone may keep 128 MB),
- no worker dies, and no attacker gets a status of 500 or more other than 503.

The exit status is 1 if a row is missed. The first row, `idle`, is measured without attackers: it shows what the machine
does by itself.

The attackers run in a process of their own, so that they do not slow the probes in this process. Attackers, probes,
server, and PostgreSQL if it is used, share the cores of this machine. So the probes also wait for the attackers' own
work, which strangers on other machines would not cause; and on few cores, the attackers send less than such strangers.
"""
