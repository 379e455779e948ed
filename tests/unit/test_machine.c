/* What control groups leave of a machine, from files as Linux writes them. */
#include "compiler/machine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static void put(const char *path, const char *text) {
    char at[512];
    snprintf(at, sizeof at, "%s/%s", root, path);
    for (char *p = at + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        (void)mkdir(at, 0777);
        *p = '/';
    }
    FILE *f = fopen(at, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}
static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/amal-machine-XXXXXX");
    return mkdtemp(root) ? 0 : 1;
}
static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void nothing_is_limited(void **state) {
    (void)state;
    MachineLimits m = machine_limits(root); /* no such files: another system */
    assert_true(isinf(m.processors) && isinf(m.memory) && isinf(m.memory_left));
    put("proc/self/cgroup", "0::/user.slice/session\n");
    put("sys/fs/cgroup/user.slice/session/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/user.slice/session/memory.max", "max\n");
    m = machine_limits(root);
    assert_true(isinf(m.processors) && isinf(m.memory) && isinf(m.memory_left));
}
/* The narrowest of the groups around counts, for each by itself. */
static void version_2(void **state) {
    (void)state;
    put("proc/self/cgroup", "0::/service/job\n");
    put("sys/fs/cgroup/service/cpu.max", "250000 100000\n");
    put("sys/fs/cgroup/service/memory.max", "8000000000\n");
    put("sys/fs/cgroup/service/memory.current", "7000000000\n");
    put("sys/fs/cgroup/service/memory.stat",
        "anon 5000000000\nfile 2000000000\ninactive_file 1100000000\nactive_file 400000000\n");
    put("sys/fs/cgroup/service/job/cpu.max", "400000 100000\n");
    put("sys/fs/cgroup/service/job/memory.max", "4000000000\n");
    put("sys/fs/cgroup/service/job/memory.current", "1000000000\n");
    put("sys/fs/cgroup/service/job/memory.stat", "inactive_file 0\n");
    MachineLimits m = machine_limits(root);
    assert_float_equal(m.processors, 2.5, 0);
    assert_float_equal(m.memory, 4e9, 0);
    assert_float_equal(m.memory_left, 2.5e9, 0);
}
/* In a container the group's path is the host's: what is mounted is the container's own. */
static void a_container(void **state) {
    (void)state;
    put("proc/self/cgroup",
        "12:cpuset:/docker/1f\n4:cpu,cpuacct:/docker/1f\n3:memory:/docker/1f\n1:name=systemd:/docker/1f\n0::/\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000000\n");
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", "500000000\n");
    put("sys/fs/cgroup/memory/memory.stat",
        "cache 9\ninactive_file 7\ntotal_inactive_file 60000000\ntotal_active_file 40000000\n");
    MachineLimits m = machine_limits(root);
    assert_float_equal(m.processors, 1.5, 0);
    assert_float_equal(m.memory, 2e9, 0);
    assert_float_equal(m.memory_left, 1.6e9, 0);
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    m = machine_limits(root);
    assert_true(isinf(m.processors) && isinf(m.memory) && isinf(m.memory_left));
}
static void damaged_files(void **state) {
    (void)state;
    put("proc/self/cgroup", "nonsense\n7\n0:\n0::\n");
    put("sys/fs/cgroup/cpu.max", "a lot\n");
    put("sys/fs/cgroup/memory.max", "\n");
    MachineLimits m = machine_limits(root);
    assert_true(isinf(m.processors) && isinf(m.memory) && isinf(m.memory_left));
    put("sys/fs/cgroup/cpu.max", "0 0\n");
    put("sys/fs/cgroup/memory.max", "1000\n"); /* without saying what is taken of it */
    m = machine_limits(root);
    assert_true(isinf(m.processors));
    assert_float_equal(m.memory_left, 1000, 0);
}
static void this_machine(void **state) {
    (void)state;
    assert_true(machine_processors() >= 1);
    assert_true(machine_memory() > 0);
    assert_true(machine_has_memory(0) && machine_has_memory(1e6));
    assert_false(machine_has_memory(1e18));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(version_2, setup, teardown),
        cmocka_unit_test_setup_teardown(a_container, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_files, setup, teardown),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
