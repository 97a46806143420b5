"""How numbers and times are said, the same in the terminal as on the page. Pure: what is now is an argument.

Each takes None for what nobody knows, and says `-`.
"""

from datetime import datetime

NONE = "-"


def count(number: float | None) -> str:
    """Say a whole number, a large one in short.

    >>> count(1234), count(1_500_000), count(None)
    ('1,234', '1.5M', '-')
    """
    if number is None:
        return NONE
    if abs(number) < 1e5:
        return f"{number:,.0f}"
    short, unit = float(number), ""
    for unit in "KMBT":  # noqa: B007  the last one is what is wanted
        short /= 1000
        if abs(short) < 999.95:
            break
    return f"{short:,.1f}".removesuffix(".0") + unit


def plural(number: int | None, one: str) -> str:
    """Say how many there are of something.

    >>> plural(1, "key"), plural(2, "key")
    ('1 key', '2 keys')
    """
    return f"{count(number)} {one}{'' if number == 1 else 's'}"


def rate(per_s: float | None) -> str:
    """Say how many a second.

    >>> rate(0.4), rate(42.11), rate(1234.0)
    ('0.40', '42.1', '1,234')
    """
    if per_s is None:
        return NONE
    if per_s >= 100:
        return f"{per_s:,.0f}"
    return f"{per_s:.2f}" if 0 < per_s < 10 else f"{per_s:.1f}"


def percent(share: float | None) -> str:
    """Say a share of one.

    >>> percent(0.934), percent(1.0)
    ('93.4 %', '100 %')
    """
    return NONE if share is None else f"{share * 100:.{1 if 0 < share < 0.9995 else 0}f} %"


def usd(amount: float | None) -> str:
    """Say an amount of money.

    >>> usd(0), usd(2.5), usd(0.0123), usd(0.00001)
    ('$0.00', '$2.50', '$0.0123', '< $0.0001')
    """
    if amount is None:
        return NONE
    if not amount or amount >= 1:
        return f"${amount:.2f}"
    return "< $0.0001" if amount < 0.0001 else f"${amount:.4f}"


def seconds(took: float | None) -> str:
    """Say a duration as people do, to two or three digits.

    >>> seconds(0.31), seconds(1.25), seconds(75), seconds(7300), seconds(200_000)
    ('310 ms', '1.25 s', '1 min 15 s', '2 h 1 min', '2 days')
    """
    if took is None:
        return NONE
    if took < 1:
        return f"{took * 1000:.0f} ms"
    if took < 60:
        return f"{float(f'{took:.{2 if took < 10 else 1}f}'):g} s"
    whole = int(took)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min" if whole < 172_800 else f"{whole // 86_400} days"


def clock(at: float | None, now: float) -> str:
    """Say a moment as the time of day here; with its date when that is not today. Both are seconds since 1970."""
    if at is None:
        return NONE
    moment = datetime.fromtimestamp(at).astimezone()
    is_today = moment.date() == datetime.fromtimestamp(now).astimezone().date()
    return moment.strftime("%H:%M:%S") if is_today else f"{moment.day} {moment:%b %H:%M:%S}"
