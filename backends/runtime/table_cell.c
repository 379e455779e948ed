/* table_cell.c: the text of one cell as a number, truth value, date or time, the same for every kind of source.
 *
 * Numbers: optional sign, digits with an optional point, optional exponent; "inf"/"infinity" in any case; "nan" is
 * null. A decimal with at most 19 significant digits whose mantissa is below 2^53 and whose power of ten is within
 * 10^±22 is exact in one multiplication or division (Clinger, "How to read floating point numbers accurately", PLDI
 * 1990); all others go to strtod. int: the same texts when the value is integral ("63", "63.0"), never rounded. Dates
 * without a format are ISO 8601 (2013-01-31, a time of day of 00:00:00 may follow); times 2013-01-31[
 * T]06:00[:00[.000000]][Z|±hh:mm], brought to UTC. Formats are those of strptime, read here because strptime depends on
 * the locale and skips blanks freely. Every function takes a text without terminator, allocates nothing and may run on
 * any thread. */
#define _GNU_SOURCE /* strtod_l */
#include "backends/runtime/table_private.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

static inline bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}
static inline bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static void text_trim(const char **text, size_t *len) {
    while (*len && is_blank(**text)) (*text)++, (*len)--;
    while (*len && is_blank((*text)[*len - 1])) (*len)--;
}

/* ---------------- numbers ---------------- */
static const double power_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* strtod() in the C locale: a program that embeds this may have set another decimal point. */
static double decimal_slow(const char *text, size_t len) {
    static locale_t c_locale;
    if (!__atomic_load_n(&c_locale, __ATOMIC_ACQUIRE)) {
        locale_t fresh = newlocale(LC_ALL_MASK, "C", (locale_t)0), none = (locale_t)0;
        if (!__atomic_compare_exchange_n(&c_locale, &none, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            freelocale(fresh);
    }
    char small[512], *copy = len < sizeof small ? small : mem_try(len + 1, 1);
    if (!copy) return NAN;
    memcpy(copy, text, len);
    copy[len] = 0;
    double v = strtod_l(copy, NULL, c_locale);
    if (copy != small) mem_free(copy);
    return v;
}

/* A decimal number that fills the text exactly; false: it is not one. */
static bool decimal_parse(const char *text, size_t len, double *out) {
    const char *p = text, *end = text + len;
    bool negative = false;
    if (p < end && (*p == '-' || *p == '+')) negative = *p++ == '-';
    uint64_t mantissa = 0;
    int significant = 0, exponent = 0;
    const char *digits = p;
    for (; p < end && is_digit(*p); p++) {
        if (significant < 19) {
            mantissa = mantissa * 10 + (uint64_t)(*p - '0');
            significant += mantissa != 0;
        } else {
            significant++;
        }
    }
    bool any = p > digits;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        for (; p < end && is_digit(*p); p++) {
            if (significant < 19) {
                mantissa = mantissa * 10 + (uint64_t)(*p - '0');
                significant += mantissa != 0;
                exponent--;
            } else {
                significant++;
            }
        }
        any = any || p > fraction;
    }
    if (!any) return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool down = false;
        int e = 0;
        p++;
        if (p < end && (*p == '-' || *p == '+')) down = *p++ == '-';
        if (p == end) return false;
        for (; p < end && is_digit(*p); p++)
            if (e < 100000) e = e * 10 + (*p - '0');
        exponent += down ? -e : e;
    }
    if (p != end || !(is_digit(p[-1]) || p[-1] == '.')) return false;
    double v;
    if (significant <= 19 && mantissa <= (UINT64_C(1) << 53) && exponent >= -22 && exponent <= 22) {
        v = exponent < 0 ? (double)mantissa / power_of_ten[-exponent] : (double)mantissa * power_of_ten[exponent];
        *out = negative ? -v : v;
    } else {
        *out = decimal_slow(text, len);
    }
    return true;
}

double cell_to_double(const char *text, size_t len) {
    double v;
    return decimal_parse(text, len, &v) ? v : NAN;
}

CellStatus cell_num(const char *text, size_t len, double *out) {
    text_trim(&text, &len);
    if (decimal_parse(text, len, out)) return CELL_OK;
    const char *p = text;
    size_t n = len;
    bool negative = n && *p == '-';
    if (n && (*p == '-' || *p == '+')) p++, n--;
    if ((n == 3 && !strncasecmp(p, "inf", 3)) || (n == 8 && !strncasecmp(p, "infinity", 8))) {
        *out = negative ? -INFINITY : INFINITY;
        return CELL_OK;
    }
    if (n == 3 && !strncasecmp(p, "nan", 3)) return CELL_NULL;
    return CELL_BAD;
}

CellStatus cell_int(const char *text, size_t len, int64_t *out, const char **why) {
    text_trim(&text, &len);
    const char *p = text, *end = text + len;
    bool negative = false;
    if (p < end && (*p == '-' || *p == '+')) negative = *p++ == '-';
    const char *digits = p;
    uint64_t v = 0;
    while (p < end && is_digit(*p) && p - digits < 18) v = v * 10 + (uint64_t)(*p++ - '0');
    if (p == end && p > digits) {
        *out = negative ? -(int64_t)v : (int64_t)v;
        return CELL_OK;
    }
    bool wide = false;
    while (p < end && is_digit(*p)) {
        wide = wide || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v);
        p++;
    }
    if (p == end && p > digits) {
        *why = "it is out of the range of int";
        if (wide || v > (uint64_t)INT64_MAX) return CELL_BAD; /* the lowest int64 stands for null */
        *out = negative ? -(int64_t)v : (int64_t)v;
        return CELL_OK;
    }
    double d;
    CellStatus status = cell_num(text, len, &d);
    *why = NULL;
    if (status != CELL_OK) return status;
    *why = "it has a fractional part";
    if (d != floor(d)) return CELL_BAD;
    *why = "it is out of the range in which every integer is exact";
    if (!(fabs(d) <= 9007199254740992.0)) return CELL_BAD;
    *out = (int64_t)d;
    return CELL_OK;
}

CellStatus cell_bool(const char *text, size_t len, int64_t *out) {
    static const struct {
        const char *text;
        int value;
    } words[] = {{"true", 1}, {"false", 0}, {"t", 1}, {"f", 0}, {"yes", 1}, {"no", 0},
                 {"y", 1},    {"n", 0},     {"1", 1}, {"0", 0}, {"1.0", 1}, {"0.0", 0}};
    text_trim(&text, &len);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].text) == len && !strncasecmp(words[i].text, text, len)) {
            *out = words[i].value;
            return CELL_OK;
        }
    }
    return CELL_BAD;
}

/* ---------------- the calendar ---------------- */
/* Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that the leap day is the
 * last. */
int64_t date_from_civil(int64_t year, int month, int day) {
    if (month <= 2) year--;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void date_to_civil(int64_t days, int64_t *year, int *month, int *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

static int month_days(int64_t year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

typedef struct Moment {
    int64_t year;
    int month, day, hour, minute, second, micros, day_of_year; /* 0: not given */
    int64_t offset;                                            /* seconds east of UTC */
    bool has_time, has_date, pm, has_half;
} Moment;

static bool digits_read(const char **p, const char *end, int least, int most, int *out) {
    int n = 0, v = 0;
    while (n < most && *p < end && is_digit(**p)) v = v * 10 + (*(*p)++ - '0'), n++;
    *out = v;
    return n >= least;
}

/* After the seconds' point: up to nine digits, of which microseconds are kept. */
static bool fraction_read(const char **p, const char *end, int *micros) {
    int n = 0, v = 0;
    for (; *p < end && is_digit(**p); (*p)++, n++)
        if (n < 6) v = v * 10 + (**p - '0');
    if (!n || n > 9) return false;
    for (; n < 6; n++) v *= 10;
    *micros = v;
    return true;
}

/* Z, +hh, +hhmm, +hh:mm */
static bool zone_read(const char **p, const char *end, int64_t *offset) {
    if (*p < end && (**p == 'Z' || **p == 'z')) {
        (*p)++;
        *offset = 0;
        return true;
    }
    if (*p == end || (**p != '+' && **p != '-')) return false;
    bool west = *(*p)++ == '-';
    int hours, minutes = 0;
    if (!digits_read(p, end, 2, 2, &hours)) return false;
    if (*p < end && **p == ':') {
        (*p)++;
        if (!digits_read(p, end, 2, 2, &minutes)) return false;
    } else if (*p < end && is_digit(**p) && !digits_read(p, end, 2, 2, &minutes)) {
        return false;
    }
    *offset = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return hours <= 18 && minutes < 60;
}

static bool iso_date_read(const char **p, const char *end, Moment *m) {
    int year;
    bool before = *p < end && **p == '-';
    if (before) (*p)++;
    if (!digits_read(p, end, 4, 6, &year)) return false;
    m->year = before ? -year : year;
    if (*p == end || *(*p)++ != '-' || !digits_read(p, end, 2, 2, &m->month)) return false;
    if (*p == end || *(*p)++ != '-' || !digits_read(p, end, 2, 2, &m->day)) return false;
    m->has_date = true;
    return true;
}

static bool iso_clock_read(const char **p, const char *end, Moment *m) {
    if (!digits_read(p, end, 2, 2, &m->hour) || *p == end || *(*p)++ != ':' || !digits_read(p, end, 2, 2, &m->minute))
        return false;
    m->has_time = true;
    if (*p == end || **p != ':') return true;
    (*p)++;
    if (!digits_read(p, end, 2, 2, &m->second)) return false;
    if (*p == end || (**p != '.' && **p != ',')) return true;
    (*p)++;
    return fraction_read(p, end, &m->micros);
}

static bool iso_read(const char *text, size_t len, Moment *m) {
    const char *p = text, *end = text + len;
    if (!iso_date_read(&p, end, m)) return false;
    if (p == end) return true;
    if (*p != ' ' && *p != 'T' && *p != 't') return false;
    p++;
    if (!iso_clock_read(&p, end, m)) return false;
    if (p < end && *p == ' ') p++;
    if (p < end && !zone_read(&p, end, &m->offset)) return false;
    return p == end;
}

/* ---------------- formats ---------------- */
static const char *const month_names[] = {"January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December"};

static bool month_read(const char **p, const char *end, int *month) {
    for (int i = 0; i < 12; i++) {
        size_t full = strlen(month_names[i]), left = (size_t)(end - *p);
        size_t n = left >= full && !strncasecmp(*p, month_names[i], full) ? full : 3;
        if (left < n || strncasecmp(*p, month_names[i], n)) continue;
        *p += n;
        *month = i + 1;
        return true;
    }
    return false;
}

/* One conversion of a format; the letter is known. */
static bool conversion_read(char letter, const char **p, const char *end, Moment *m) {
    int v;
    switch (letter) {
    case 'Y':
        if (!digits_read(p, end, 4, 4, &v)) return false;
        m->year = v;
        return m->has_date = true;
    case 'y':
        if (!digits_read(p, end, 2, 2, &v)) return false;
        m->year = v < 69 ? 2000 + v : 1900 + v; /* as POSIX has it */
        return m->has_date = true;
    case 'm': return digits_read(p, end, 1, 2, &m->month) && m->month > 0;
    case 'b':
    case 'B':
    case 'h': return month_read(p, end, &m->month);
    case 'e':
        while (*p < end && **p == ' ') (*p)++;
        return digits_read(p, end, 1, 2, &m->day) && m->day > 0;
    case 'd': return digits_read(p, end, 1, 2, &m->day) && m->day > 0;
    case 'j': return digits_read(p, end, 1, 3, &m->day_of_year) && m->day_of_year > 0;
    case 'H': m->has_time = true; return digits_read(p, end, 1, 2, &m->hour);
    case 'I':
        m->has_time = m->has_half = true;
        return digits_read(p, end, 1, 2, &m->hour) && m->hour >= 1 && m->hour <= 12;
    case 'M': return digits_read(p, end, 1, 2, &m->minute);
    case 'S': return digits_read(p, end, 1, 2, &m->second);
    case 'f': return fraction_read(p, end, &m->micros);
    case 'p':
        if (end - *p < 2 || ((*p)[1] | 32) != 'm' || (((*p)[0] | 32) != 'a' && ((*p)[0] | 32) != 'p')) return false;
        m->pm = ((*p)[0] | 32) == 'p';
        *p += 2;
        return true;
    case 'z': return zone_read(p, end, &m->offset);
    case 'F': return iso_date_read(p, end, m);
    case 'T': return iso_clock_read(p, end, m);
    case '%': return *p < end && *(*p)++ == '%';
    default: return false;
    }
}

static bool format_read(const char *text, size_t len, const char *format, Moment *m) {
    const char *p = text, *end = text + len;
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            if (p == end || *p++ != *f) return false;
            continue;
        }
        f++;
        if (*f == '-') f++; /* %-d: digits are never required to be padded */
        if (!conversion_read(*f, &p, end, m)) return false;
    }
    return p == end;
}

bool cell_format_valid(const char *format, const char **why) {
    bool year = false, month = false, day = false, hour = false;
    for (const char *f = format; *f; f++) {
        if (*f != '%') continue;
        f++;
        if (*f == '-') f++;
        if (!*f || !strchr("YymbBhedjHIMSfpzFT%", *f)) {
            *why = *f ? "it holds a letter after % that is not known" : "it ends in %";
            return false;
        }
        year = year || strchr("YyF", *f);
        month = month || strchr("mbBhFj", *f);
        day = day || strchr("edFj", *f);
        hour = hour || strchr("HIT", *f);
    }
    *why = "it has no part of a date or of a time";
    if (!year && !month && !day && !hour) return false;
    *why = "a date needs a year, as %Y or %y";
    return year || !(month || day);
}

/* Whole days and microseconds in the day, in UTC; false: there is no such day or time. */
static bool moment_resolve(Moment *m, int64_t *days, int64_t *micros, const char **why) {
    *why = "there is no such time of day";
    if (m->has_half) m->hour = m->hour % 12 + (m->pm ? 12 : 0);
    bool midnight = m->hour == 24 && !m->minute && !m->second && !m->micros;
    if ((m->hour > 23 && !midnight) || m->minute > 59 || m->second > 60) return false;
    *why = "there is no such day";
    if (!m->has_date) {
        *days = 0;
    } else if (m->day_of_year) {
        int in_year = month_days(m->year, 2) == 29 ? 366 : 365;
        if (m->day_of_year > in_year) return false;
        *days = date_from_civil(m->year, 1, 1) + m->day_of_year - 1;
    } else {
        int month = m->month ? m->month : 1, day = m->day ? m->day : 1;
        if (m->month < 0 || month > 12 || day > month_days(m->year, month)) return false;
        *days = date_from_civil(m->year, month, day);
    }
    *micros = ((m->hour * INT64_C(60) + m->minute) * 60 + m->second - m->offset) * 1000000 + m->micros;
    return true;
}

static CellStatus moment_read(const char *text, size_t len, const char *format, int64_t *days, int64_t *micros,
                              const char **why) {
    Moment m = {0};
    text_trim(&text, &len);
    *why = NULL;
    bool ok = format ? format_read(text, len, format, &m) : iso_read(text, len, &m);
    /* ISO's digits allow month 00 and day 00, which here mean "not given" */
    if (ok && !format && (!m.month || !m.day)) ok = false;
    return ok && moment_resolve(&m, days, micros, why) ? CELL_OK : CELL_BAD;
}

CellStatus cell_date(const char *text, size_t len, const char *format, int64_t *days, const char **why) {
    int64_t micros;
    CellStatus status = moment_read(text, len, format, days, &micros, why);
    if (status == CELL_OK && micros) {
        *why = "it has a time of day";
        return CELL_BAD;
    }
    return status;
}

CellStatus cell_time(const char *text, size_t len, const char *format, int64_t *micros, const char **why) {
    int64_t days, of_day;
    CellStatus status = moment_read(text, len, format, &days, &of_day, why);
    if (status == CELL_OK) *micros = days * MICROS_PER_DAY + of_day;
    return status;
}
