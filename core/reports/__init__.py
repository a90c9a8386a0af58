"""Reports for supervisors: what was sold, how full trains are, what went back, what drawers came to, who travels.

One module per family. Each asks its rows in one read-only moment and assembles them with a pure function into a
``core.reports.table.Report``, which commands print, files keep, paper shows and screens draw. Sums of money are those
of payments, completed refunds and the ledger of charges: nothing is estimated, nothing is kept beside them.
"""
