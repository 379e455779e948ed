/* rowexpr_calendar.c: dates as days since 1970-01-01 in the proleptic Gregorian calendar, and reading ISO 8601. */
#include "backends/runtime/rowexpr_internal.h"
#include <ctype.h>
#include <math.h>

/* Days since 1970-01-01 of a proleptic Gregorian date, counting years from March so that the leap day comes last. */
int64_t calendar_days(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}
void calendar_date(int64_t days, int64_t *y, int *m, int *d) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}
static bool digits(const char **p, const char *end, int min, int max, int64_t *v) {
    int n = 0;
    for (*v = 0; *p < end && n < max && isdigit((unsigned char)**p); n++) *v = *v * 10 + *(*p)++ - '0';
    return n >= min;
}
bool calendar_parse(const char *s, int32_t len, int64_t *days, double *micros) {
    const char *p = s, *end = s + len;
    int64_t y, m, d, hh = 0, mm = 0, ss = 0;
    double fraction = 0;
    if (!digits(&p, end, 4, 4, &y) || p == end || *p++ != '-' || !digits(&p, end, 1, 2, &m) || p == end ||
        *p++ != '-' || !digits(&p, end, 1, 2, &d))
        return false;
    if (p < end) {
        if ((*p != ' ' && *p != 'T') || (p++, !digits(&p, end, 1, 2, &hh)) || p == end || *p++ != ':' ||
            !digits(&p, end, 2, 2, &mm))
            return false;
        if (p < end && *p == ':') {
            p++;
            if (!digits(&p, end, 2, 2, &ss)) return false;
            if (p < end && *p == '.') {
                double scale = 1e5;
                for (p++; p < end && isdigit((unsigned char)*p); scale /= 10) fraction += (*p++ - '0') * scale;
            }
        }
        if (p < end && *p == 'Z') p++;
    }
    if (p != end || m < 1 || m > 12 || d < 1 || hh > 23 || mm > 59 || ss > 60) return false;
    int64_t yy;
    int cm, cd;
    *days = calendar_days(y, (int)m, (int)d);
    calendar_date(*days, &yy, &cm, &cd);
    if (cm != m || cd != d) return false; /* no 30 February */
    *micros = floor(fraction) + 1e6 * (double)(ss + 60 * (mm + 60 * hh));
    return true;
}
