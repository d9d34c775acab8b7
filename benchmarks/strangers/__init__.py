"""Attack a served registry as a hostile stranger can, and measure whether other callers notice the attack.

    python -m benchmarks.strangers [--seconds 20] [--attackers 16] [--only ATTACK ...] [--items 1000000] [--workers 1]
                                   [--database sqlite|postgresql] [--quick] [--json]

Each attack (`attacks`) is a row of the table. For each row, a server is started on the same data, and 16 attackers send
requests for 20 seconds. At the same time, two probes (`probes`) send a request every 0.1 s, each on a new connection:
GET /healthz, and a look-up of 100 digests with a key of another organization. A row passes if

- both probes get only status 200, and their 99th percentile is below 1 s,
- the anonymous memory of all workers grows by at most 300 MB, and within 60 s after the attack it is at most 150 MB
  above its value before the attack (the cache of mixes alone may use 128 MB),
- no worker ends, and no attacker gets a status of 500 or more other than 503.

The exit status is 1 if a row does not pass. The first row, `idle`, is measured without attackers: it shows the times of
the machine itself.

The attackers run in a separate process, so that they do not slow the probes in this process. Attackers, probes, server
and PostgreSQL (if it is used) share the cores of this machine. So the work of the attackers delays the probes too,
which attackers on other machines would not do. With few cores, the attackers also send less than attackers on other
machines would.
"""
