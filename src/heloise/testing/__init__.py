"""The public test kit: a deterministic, simulated world, and contract checks for everything that has two faces.

    from heloise.testing import SimulatedWorld, run_simulated

`run_simulated(scenario, seed=...)` runs a coroutine function in a world whose time, chance, names, network and disks
are simulated; `SimulatedWorld.host` gives it machines. Times of days pass in milliseconds, faults come from the seed.
"""

from heloise.testing.chance import EPOCH, SeededEntropy, SimulatedClock
from heloise.testing.contracts import check_blocking, check_files, check_stream_pair
from heloise.testing.disk import DiskFaults, SimulatedDisk
from heloise.testing.dns import Zones
from heloise.testing.faults import NO_FAULTS, ROUGH, ConnectionFault, FaultPlan, FaultRates, Side, Trouble
from heloise.testing.inode import Unsynced
from heloise.testing.judge import Attempt, Judge, JudgementError, Queued, Violation
from heloise.testing.letters import Found, FoundLetter, FoundReport, Letter, Stranger, read_mail
from heloise.testing.loop import Stuck, VirtualLoop, VirtualTime, run_in_virtual_time
from heloise.testing.network import SimulatedNetwork
from heloise.testing.policy import (
    connect_view,
    data_view,
    hello_view,
    hook_verdict,
    lookup_view,
    mail_view,
    message_view,
    rcpt_view,
    refused_view,
    session_view,
    unknown_view,
)
from heloise.testing.programs import ProgramRun, SimulatedProcesses
from heloise.testing.sqlite_vfs import SimulatedVfs
from heloise.testing.stream import SimulatedStream
from heloise.testing.trace import Happening, Trace
from heloise.testing.web import SimulatedWeb, WebCall
from heloise.testing.world import SimulatedHost, SimulatedWorld, run_simulated

__all__ = [
    "EPOCH",
    "NO_FAULTS",
    "ROUGH",
    "Attempt",
    "ConnectionFault",
    "DiskFaults",
    "FaultPlan",
    "FaultRates",
    "Found",
    "FoundLetter",
    "FoundReport",
    "Happening",
    "Judge",
    "JudgementError",
    "Letter",
    "ProgramRun",
    "Queued",
    "SeededEntropy",
    "Side",
    "SimulatedClock",
    "SimulatedDisk",
    "SimulatedHost",
    "SimulatedNetwork",
    "SimulatedProcesses",
    "SimulatedStream",
    "SimulatedVfs",
    "SimulatedWeb",
    "SimulatedWorld",
    "Stranger",
    "Stuck",
    "Trace",
    "Trouble",
    "Unsynced",
    "Violation",
    "VirtualLoop",
    "VirtualTime",
    "WebCall",
    "Zones",
    "check_blocking",
    "check_files",
    "check_stream_pair",
    "connect_view",
    "data_view",
    "hello_view",
    "hook_verdict",
    "lookup_view",
    "mail_view",
    "message_view",
    "rcpt_view",
    "read_mail",
    "refused_view",
    "run_in_virtual_time",
    "run_simulated",
    "session_view",
    "unknown_view",
]
