"""The workstations, one to a file with its stylesheet beside it; each is a mode of the application.

What belongs here: what is seen and typed. Screens ask ``counter.session`` and the library through
``CounterApp.in_thread``, and never talk to a database or a device themselves.
"""
