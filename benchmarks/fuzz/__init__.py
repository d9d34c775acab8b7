"""Send mutated bodies to a served registry, in every upload form, and report every answer that must not occur.

    python -m benchmarks.fuzz [--minutes 10 | --seconds N] [--seed 0] [--workers 1] [--senders 4] [--only FORM ...]
                              [--database sqlite|postgresql] [--save FOLDER]

The registry accepts the original bodies (`forms`). Each request has a body that was changed in one to four ways.
`mutations` changes bits and bytes, cuts bodies, repeats pieces, changes length fields, joins two bodies, and inserts
extreme numbers and texts that break parsers. `json_mutations` changes values of a JSON body, which stays JSON. Some
requests also have a parameter out of range, the content type of another form, or an Idempotency-Key that was used
before. The requests of each sender depend only on the seed and on the number of the sender.

The command prints the number of answers of each form by status, and the memory of the workers. The exit status is 1 if

- a worker ended, or a request had no answer,
- an answer has a status of 500 or more other than 503,
- an error is not `application/problem+json` with the right fields, or a JSON answer cannot be parsed,
- the anonymous memory grows steadily (`memory_growth`).

The body of each such request is saved to a file, and the request to a second file. Both paths are printed.
"""
