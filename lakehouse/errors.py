"""Errors and their exit codes: what went wrong, in one line, and what to do next, in the other.

A code says the kind of failure to whoever has no access to the logs (Airflow, a shell script, a person). Codes are an
interface: they are never renumbered. 0 is success, 1 a defect of ours, 2 a wrong command line.
"""


class LakehouseError(Exception):
    """Something we can explain. `hint` is the next move, in the reader's own names.

    `is_final`: trying the same again would only give the same answer, so that a scheduler should not.
    """

    exit_code = 1
    is_final = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class SettingsError(LakehouseError):
    """A setting is missing or contradicts another one."""

    exit_code = 3
    is_final = True


class NotInstalledError(LakehouseError):
    """An edge's packages are absent; the hint says which extra brings them."""

    exit_code = 4
    is_final = True


class ContractError(LakehouseError):
    """A contract is malformed, unknown, or breaks its consumers."""

    exit_code = 10
    is_final = True


class BadInputError(LakehouseError):
    """What was handed in cannot be used; nothing was changed."""

    exit_code = 11
    is_final = True


class BusyError(LakehouseError):
    """Another process holds what only one may hold at a time."""

    exit_code = 12


class NotDurableError(LakehouseError):
    """A record could not be made durable (disk full, bus and spool away); the sender still has it."""

    exit_code = 13


class CorruptError(LakehouseError):
    """Stored bytes are not what was written."""

    exit_code = 14
    is_final = True


class KeyGoneError(LakehouseError):
    """A data key is destroyed: what it sealed cannot be read again, by design."""

    exit_code = 15
    is_final = True


class DeniedError(LakehouseError):
    """Nobody known asks, or somebody who may not."""

    exit_code = 16
    is_final = True

    def __init__(self, message: str, hint: str = "", *, is_known: bool) -> None:
        """`is_known`: who asks is known and may not (403); otherwise it is not known who asks (401)."""
        super().__init__(message, hint)
        self.is_known = is_known


class UnavailableError(LakehouseError):
    """A service that is needed does not answer (the store of keys, the identity provider); nothing was changed."""

    exit_code = 17


class QualityGateError(LakehouseError):
    """A check failed; what comes after must not run."""

    exit_code = 20
    is_final = True


class CommandFailedError(LakehouseError):
    """A program that we started ended badly."""

    exit_code = 21


class IntegrityGapError(LakehouseError):
    """The copy of the source database is known, or feared, not to be the source: a gap, a lost slot, differing counts."""

    exit_code = 22
    is_final = True


class NotForgottenError(LakehouseError):
    """Something that had to be gone is still there: of a person who was erased, or beyond its term. It is not proved."""

    exit_code = 23


class OverdueError(LakehouseError):
    """Something with a term is due soon, or was: requests of people, the rotation of the vault's keys."""

    exit_code = 24
    is_final = True


def final_exit_codes() -> frozenset[int]:
    """The codes after which a retry is in vain; 2 (a wrong command line) is one of them."""
    return frozenset({2} | {kind.exit_code for kind in LakehouseError.__subclasses__() if kind.is_final})


def require(module: str, extra: str):
    """Import `module` where it is used, and answer its absence with the cure.

    Raises NotInstalledError naming the extra.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as absent:
        raise _not_installed(module, extra) from absent


def require_program(module: str, extra: str) -> None:
    """The same for a module that another process will import: here it is only looked for. Raises NotInstalledError."""
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise _not_installed(module, extra)


def _not_installed(module: str, extra: str) -> NotInstalledError:
    return NotInstalledError(f"{module} is not installed", hint=f"pip install 'megacity-lakehouse[{extra}]', or run `make setup`")
