"""Several processes, on one machine or many, that train one model together.

Each runs the same command on the same folder of runs. The first prepares, writes, validates,
evaluates and exports; the others train with it (:mod:`recsys.system.processes.current`).
"""
