"""The parts that screens are put together from: a seat map, fields for scans and money, what watches for scanners.

What belongs here: widgets that know how to show and to ask, fed with plain data and answering with messages. They
know no database and no rule of the railway.
"""
