"""The things on the counter that the program drives: printers, and later drawers, displays, cameras and scanners.

What belongs here: the shape of what a device is given and the way it gets there. A device knows neither screens nor
SQL; whoever calls it passes everything in and stores what comes of it.
"""
