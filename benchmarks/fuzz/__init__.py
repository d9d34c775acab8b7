"""Send mutated bodies to a served registry, in every upload form, and report every answer that should not exist.

    python -m benchmarks.fuzz [--minutes 10 | --seconds N] [--seed 0] [--workers 1] [--senders 4] [--only FORM ...]
                              [--database sqlite|postgresql] [--save FOLDER]

The bodies of `forms` are accepted by the registry. Each request changes one of them in one to four ways: bits and
bytes, truncation, repeats, length fields, splices of two bodies, extreme numbers, and pieces of text that break parsers
(`mutations`), or values of a JSON body that stays JSON (`json_mutations`). Some requests also have a parameter out of
range, the content type of another form, or an Idempotency-Key that was used before. The requests of each sender depend
only on the seed and on the number of the sender.

The command prints the number of answers of each form by status, and the memory of the workers. The exit status is 1 if

- a worker died, or a request had no answer,
- an answer has a status of 500 or more other than 503,
- an error is not `application/problem+json` with the right fields, or a JSON answer cannot be parsed,
- the anonymous memory grows steadily (`memory_growth`).

The body of each such request is saved to a file, with the request in a second file; both paths are printed.
"""
