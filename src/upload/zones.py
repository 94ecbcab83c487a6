#!/usr/bin/env python3
"""zones.py - `make countries`: writes src/upload/zone_table.c, the time zones of phone numbers.

    src/upload/zones.py >src/upload/zone_table.c
    src/upload/zones.py --cases >test/unit/zone_cases.h

Needs the Python package phonenumbers, as countries.py does. A prefix whose zones are those of a
shorter one is left out. The cases are numbers with the zones that the package itself tells.
"""
import random
import sys

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, PhoneNumberType, timezone
from phonenumbers.tzdata import TIMEZONE_DATA

CASES_OF_PREFIXES = 250
UNKNOWN = timezone.UNKNOWN_TIMEZONE
# Names that some systems keep in a package of their own (Debian 13: tzdata-legacy), and those of today.
RENAMED = {
    "Africa/Asmera": "Africa/Asmara",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Godthab": "America/Nuuk",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Choibalsan": "Asia/Ulaanbaatar",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Pacific/Enderbury": "Pacific/Kanton",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
}
HEADING = """/*
 * {file} - {what}, from phonenumbers {version}.
 *
 * Written by src/upload/zones.py (`make countries`): never edit it by hand.
 */
/* clang-format off */
"""


def current(zones):
    """These zones by the names of today, each once."""
    return tuple(dict.fromkeys(RENAMED.get(zone, zone) for zone in zones))


def shorter(prefix):
    """The zones of the longest prefix below this one."""
    for length in range(len(prefix) - 1, 0, -1):
        if prefix[:length] in TIMEZONE_DATA:
            return TIMEZONE_DATA[prefix[:length]]
    return ()


def write_rows(out, items, per_line):
    for start in range(0, len(items), per_line):
        out.write("\t" + " ".join(f"{item}," for item in items[start:start + per_line]) + "\n")
    out.write("};\n")


def write_table(out):
    prefixes = {prefix: current(zones) for prefix, zones in TIMEZONE_DATA.items()
                if current(zones) != current(shorter(prefix))}
    names = sorted({zone for zones in prefixes.values() for zone in zones} - {UNKNOWN})
    places = {name: place for place, name in enumerate(names)}
    starts, flat = {}, []
    for zones in sorted(set(prefixes.values())):
        starts[zones] = len(flat)
        flat += [places[zone] for zone in zones if zone != UNKNOWN] + ["ZONE_END"]
    assert len(flat) < 65535 and max(map(int, prefixes)) < 2**32

    version = phonenumbers.__version__
    out.write(HEADING.format(file="zone_table.c", what="the time zones of phone numbers", version=version))
    out.write(f'#include "zones.h"\n\nconst char zone_table_version[] = "{version}";\n')
    out.write("\nconst char *const zone_names[] = {\n")
    write_rows(out, [f'"{name}"' for name in names], 4)
    out.write(f"const int zone_names_count = {len(names)};\n")
    out.write("\n/* Sets of zones, one behind the other. */\nconst uint16_t zone_sets[] = {\n")
    write_rows(out, flat, 20)
    out.write("\n/* The digits of a prefix, in order as numbers, and where its set begins. */\n")
    out.write("const ZonePrefix zone_prefixes[] = {\n")
    write_rows(out, [f"{{{digits}, {starts[prefixes[str(digits)]]}}}" for digits in sorted(map(int, prefixes))], 8)
    out.write(f"const int zone_prefixes_count = {len(prefixes)};\n")
    out.write(f"const int zone_prefix_digits = {max(map(len, prefixes))};\n")


def code_of(digits):
    return next((int(digits[:length]) for length in (1, 2, 3)
                 if int(digits[:length]) in COUNTRY_CODE_TO_REGION_CODE), None)


def zones_of(digits):
    """What the package says of +digits, and its own way of asking."""
    code = code_of(digits)
    national = digits[len(str(code)):]
    number = PhoneNumber(country_code=code, national_number=int(national))
    zeros = len(national) - len(national.lstrip("0"))
    if zeros:
        number.italian_leading_zero = True
        number.number_of_leading_zeros = zeros
    found = timezone.time_zones_for_geographical_number(number)
    return [zone for zone in current(found) if zone != UNKNOWN]


def case_numbers():
    chance = random.Random("zones")
    numbers = set()
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                numbers.add(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:])
    for prefix in chance.sample(sorted(TIMEZONE_DATA), CASES_OF_PREFIXES):
        if code_of(prefix + "00") is not None:
            numbers.add(prefix + "".join(chance.choice("123456789") for _ in range(12 - len(prefix))))
    return sorted(numbers)


def write_cases(out):
    version = phonenumbers.__version__
    out.write(HEADING.format(file="zone_cases.h", what="zones as the package tells them", version=version))
    out.write("static const ZoneCase zone_cases[] = {\n")
    for digits in case_numbers():
        zones = zones_of(digits)
        first, last = (zones[0], zones[-1]) if zones else ("", "")
        out.write(f'\t{{"{digits}", {len(zones)}, "{first}", "{last}"}},\n')
    out.write("};\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--cases"]:
        write_cases(sys.stdout)
    else:
        write_table(sys.stdout)
