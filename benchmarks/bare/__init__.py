"""What the bare drivers do with the registry's work: no service between, no ORM, no validation.

The registry is measured against these, so they are written as well as their author knew how, from the design alone,
and read nothing of the service.
"""
