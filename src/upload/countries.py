#!/usr/bin/env python3
"""countries.py - `make countries`: writes src/upload/country_table.c, the numbering plans of the world.

    src/upload/countries.py >src/upload/country_table.c

Needs the Python packages phonenumbers, Google's libphonenumber metadata, and regex; whoever only
builds does not. Written are: every calling code with the lengths that are possible behind it and
the two digits with which its fixed and its mobile numbers begin, every country with its trunk
prefix, its prefix for calls abroad and the lengths of its fixed and mobile numbers, and, where
countries share a calling code, which leading digits belong to which.
"""
import random
import sys
import unicodedata

import phonenumbers
import regex
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber

NANP = 1
NANP_AREA_DIGITS = 3
PREFIX_DIGITS = 4  # looked at one by one; what is mixed is looked at more closely
PREFIX_DIGITS_MAX = 6
SAMPLES = 24
SHORTEST, LONGEST = 1, 15  # bits of a mask of lengths
START_WORD_BITS, START_WORDS = 32, 4  # a bit for each of 00 to 99

HEADING = """/*
 * country_table.c - the numbering plans of the world, from phonenumbers {version}.
 *
 * Written by src/upload/countries.py (`make countries`): never edit it by hand.
 */
/* clang-format off */
#include "countries.h"

const char country_table_version[] = "{version}";
"""


def mask(lengths):
    return sum(1 << length for length in set(lengths) if SHORTEST <= length <= LONGEST)


def metadata(code, region):
    if region == "001":
        return PhoneMetadata.metadata_for_nongeo_region(code)
    return PhoneMetadata.metadata_for_region(region)


def own_lengths(found):
    """Of the numbers that a person may have: neither those of services nor those without an area code."""
    lengths = set()
    for kind in (found.fixed_line, found.mobile):
        lengths.update(kind.possible_length if kind is not None else ())
    return mask(lengths) or mask(found.general_desc.possible_length)


def mobile_lengths(found):
    return mask(found.mobile.possible_length) if found.mobile is not None else 0


def starts(code, regions, kinds):
    """The first two digits with which numbers of these kinds begin, in any of the regions."""
    found = set()
    for region in regions:
        for kind in kinds:
            pattern = getattr(getattr(metadata(code, region), kind), "national_number_pattern", None)
            if pattern:
                possible = regex.compile(pattern)
                found.update(value for value in range(100) if possible.fullmatch(f"{value:02d}", partial=True))
    return found


def write_starts(out, codes):
    out.write("\n/* The first two digits of fixed and of mobile numbers behind each code, a bit for each of 00 to 99. */\n")
    out.write("const CountryStarts country_starts[] = {\n")
    for code, regions in codes:
        mobile = starts(code, regions, ["mobile"])
        fixed = starts(code, regions, ["fixed_line", "voip"])
        sets = (fixed if fixed or mobile else starts(code, regions, ["general_desc"]), mobile)
        words = [[sum(1 << value % START_WORD_BITS for value in found if value // START_WORD_BITS == word)
                  for word in range(START_WORDS)] for found in sets]
        rows = ", ".join("{" + ", ".join(f"0x{word:08X}" for word in row) + "}" for row in words)
        out.write(f"\t{{{rows}}}, /* +{code} */\n")
    out.write("};\n")


def abroad(found):
    """The digits that are dialled before a call abroad, if there is one such prefix."""
    for prefix in (found.preferred_international_prefix, found.international_prefix):
        plain = (prefix or "").replace("~", "")
        if plain.isdigit():
            return plain
    return ""


def region_of(code, digits):
    """The region of a number, None if there is no such number; digits: all of it behind the code."""
    number = PhoneNumber(country_code=code, national_number=int(digits))
    zeros = len(digits) - len(digits.lstrip("0"))
    if zeros:
        number.italian_leading_zero = True
        number.number_of_leading_zeros = zeros
    return phonenumbers.region_code_for_number(number)


def regions_behind(code, prefix, lengths):
    """The regions of numbers with this prefix, chosen at random but the same each time."""
    chance = random.Random(f"{code} {prefix}")
    found = set()
    for _ in range(SAMPLES):
        for length in lengths:
            if length > len(prefix):
                tail = "".join(chance.choice("0123456789") for _ in range(length - len(prefix)))
                found.add(region_of(code, prefix + tail))
    return found - {None}


def split(code, prefix, lengths, main):
    """{prefix: region} below this prefix; nothing where no number exists."""
    found = regions_behind(code, prefix, lengths)
    if len(found) == 1:
        return {prefix: found.pop()}
    if not found:
        return {}
    if len(prefix) == PREFIX_DIGITS_MAX:
        return {prefix: main if main in found else sorted(found)[0]}
    below = {}
    for digit in "0123456789":
        below.update(split(code, prefix + digit, lengths, main))
    return below


def joined(prefixes, digits):
    """Shorter prefixes where all that exists below belongs to one region."""
    for length in range(digits - 1, 0, -1):
        for stem in sorted({prefix[:length] for prefix in prefixes if len(prefix) > length}):
            below = [prefix for prefix in prefixes if prefix.startswith(stem)]
            if len({prefixes[prefix] for prefix in below}) == 1:
                region = prefixes[below[0]]
                for prefix in below:
                    del prefixes[prefix]
                prefixes[stem] = region
    return prefixes


def prefixes_of(code, regions):
    """[(prefix, region)] of a shared calling code; of +1, every area code that there is."""
    main = regions[0]
    lengths = metadata(code, main).general_desc.possible_length
    digits = NANP_AREA_DIGITS if code == NANP else PREFIX_DIGITS
    found = {}
    for value in range(10**digits):
        prefix = f"{value:0{digits}d}"
        if code == NANP:
            # An exchange begins with 2 to 9: the tails are chosen so.
            regions = {region_of(code, f"{prefix}{exchange}2345678"[:10]) for exchange in "23456789"} - {None}
            if regions:
                found[prefix] = main if main in regions else sorted(regions)[0]
        else:
            found.update(split(code, prefix, lengths, main))
    if code != NANP:
        found = {prefix: region for prefix, region in joined(found, PREFIX_DIGITS_MAX).items() if region != main}
    return sorted(found.items())


def write_digits(out):
    zeros = [point for point in range(0x80, sys.maxunicode + 1)
             if unicodedata.category(chr(point)) == "Nd" and unicodedata.digit(chr(point)) == 0]
    out.write(f"\n/* The zeros of the decimal digits of Unicode {unicodedata.unidata_version}, behind ASCII's. */\n")
    out.write("const uint32_t digit_zeros[] = {\n")
    for start in range(0, len(zeros), 10):
        out.write("\t" + " ".join(f"0x{point:04X}," for point in zeros[start:start + 10]) + "\n")
    out.write("};\n")
    out.write(f"const size_t digit_zeros_count = {len(zeros)};\n")


def write(out):
    codes = sorted(COUNTRY_CODE_TO_REGION_CODE.items())
    countries, rows, prefixes, first_three = [], [], [], [255] * 1000
    for place, (code, regions) in enumerate(codes):
        start, first = len(countries), len(prefixes)
        for region in regions:
            found = metadata(code, region)
            name = f"+{code}" if region == "001" else region
            countries.append((name, place, found.national_prefix or "", abroad(found), own_lengths(found),
                              mobile_lengths(found)))
        names = {country[0]: start + index for index, country in enumerate(countries[start:])}
        if len(regions) > 1:
            prefixes += [(prefix, names[region]) for prefix, region in prefixes_of(code, regions)]
        possible = mask(metadata(code, regions[0]).general_desc.possible_length)
        rows.append((code, start, possible, first, len(prefixes) - first, len(str(code)), len(regions)))
        for value in range(1000):
            if f"{value:03d}".startswith(str(code)):
                first_three[value] = place

    out.write(HEADING.format(version=phonenumbers.__version__))
    out.write("\n/* ISO 3166, calling code (its place below), trunk prefix, prefix for abroad, lengths, those of mobiles. */\n")
    out.write("const Country countries[] = {\n")
    for name, place, trunk, prefix, lengths, mobile in countries:
        out.write(f'\t{{"{name}", {place}, "{trunk}", "{prefix}", 0x{lengths:04X}, 0x{mobile:04X}}},\n')
    out.write(f"}};\nconst int countries_count = {len(countries)};\n")
    out.write("\n/* Code, first country, lengths, first prefix, prefixes, digits, countries. */\n")
    out.write("const CountryCode country_codes[] = {\n")
    for row in rows:
        out.write("\t{{{}, {}, 0x{:04X}, {}, {}, {}, {}}},\n".format(*row))
    out.write(f"}};\nconst int country_codes_count = {len(rows)};\n")
    write_starts(out, codes)
    out.write("\n/* Leading digits behind a shared code, in their order, and whose they are. */\n")
    out.write("const CountryPrefix country_prefixes[] = {\n")
    for prefix, country in prefixes:
        out.write(f'\t{{"{prefix}", {country}}}, /* {countries[country][0]} */\n')
    out.write("};\n")
    out.write("\n/* The place of the calling code that the first three digits begin with; 255: none does. */\n")
    out.write("const uint8_t country_code_of[1000] = {\n")
    for start in range(0, 1000, 20):
        out.write("\t" + " ".join(f"{place}," for place in first_three[start:start + 20]) + "\n")
    out.write("};\n")
    write_digits(out)


if __name__ == "__main__":
    write(sys.stdout)
