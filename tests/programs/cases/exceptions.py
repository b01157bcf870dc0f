# SPDX-License-Identifier: MIT
"""C++ exceptions in a library that arrives by dlopen must stay with libgcc's unwinder."""

import glob
import re

from harness.run import read
from harness.scenario import Works, scenario

# binding file A [0] to B [0]: normal symbol `_Unwind_RaiseException' [GCC_3.0]
BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: \w+ symbol `(_Unwind_\w+)'")


@scenario(Works())
def cxx_exceptions_in_a_dlopened_library_stay_with_libgcc(run):
    env = {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": run.path("bindings"), "LD_BIND_NOW": "1"}
    program = run.run(run.victim("throwhost"), run.victim("libthrower.so"), 1000, env=env)
    assert program.process.returncode == 0, program.err
    text = "".join(read(path) for path in glob.glob(run.path("bindings.*")))
    found = [match.groups() for match in BINDING.finditer(text)]
    raised = [to for _, to, symbol in found if symbol == "_Unwind_RaiseException"]
    assert raised, "nothing was bound to _Unwind_RaiseException"
    for program, to, symbol in found:
        own = "libunwind" in program or "librstfix" in program
        assert own or "libgcc_s" in to, f"{symbol} of {program} is bound to {to}"
