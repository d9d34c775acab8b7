"""The registry's tasks by bare drivers: no service, no ORM, no validation.

The registry is compared with these. They are written to be as fast as possible, from the design alone, and use no code
of the service.
"""
