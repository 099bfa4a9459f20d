// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints under events/caps: that all are there, that each fires, and
 * that what it says is right.
 */
#include "caps_memory.h"
#include "caps_state.h"

#define TRACING	"/sys/kernel/tracing/"
#define LEN	65536

static const char *const events[] = {
	"caps_create", "caps_delete", "caps_send", "caps_claim", "caps_copy",
	"caps_pin", "caps_reply", "caps_cancel", "caps_die",
};

/* The trace of what this process did since tracing_start(). */
static char *trace_text(void)
{
	char *text = file_text(TRACING "trace");

	if (!text)
		die("no trace");
	return text;
}

static bool tracing_start(void)
{
	if (access(TRACING "events", R_OK))
		return false;
	file_write(TRACING "tracing_on", "0");
	file_write(TRACING "trace", "");
	need(file_write(TRACING "events/caps/enable", "1"), "events/caps");
	need(file_write(TRACING "tracing_on", "1"), "tracing_on");
	return true;
}

static void tracing_stop(void)
{
	file_write(TRACING "tracing_on", "0");
	file_write(TRACING "events/caps/enable", "0");
}

#define TRACING_START()							\
	do {								\
		if (!tracing_start())					\
			SKIP(return, "no tracefs");			\
	} while (0)

/* How many lines of the trace hold both texts. */
static int lines_with(const char *event, const char *what)
{
	char *line, *save, *copy = strdup(trace_text());
	int n = 0;

	for (line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		n += line[0] != '#' && strstr(line, event) &&
		     strstr(line, what);
	free(copy);
	return n;
}

/* The same, with a number in it. */
__attribute__((format(printf, 2, 3)))
static int lines(const char *event, const char *format, ...)
{
	char want[128], name[64];
	va_list args;

	va_start(args, format);
	vsnprintf(want, sizeof(want), format, args);
	va_end(args);
	snprintf(name, sizeof(name), " %s: ", event);
	return lines_with(name, want);
}

TEST_F(tidy, all_are_there)
{
	char path[128];
	size_t i;

	if (access(TRACING "events", R_OK))
		SKIP(return, "no tracefs");
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), TRACING "events/caps/%s/format",
			 events[i]);
		EXPECT_EQ(0, access(path, R_OK));
	}
}

/* One message of each kind, from its port's making to its actor's death. */
TEST_F(tidy, life_of_a_call)
{
	const int me = getpid();
	struct caps_call call;
	struct background b;
	struct message m;
	struct pair p;
	__u64 port;

	TRACING_START();
	p = pair_open();
	EXPECT_OK(port_create(p.server, 0xfeed, 9, &port));
	EXPECT_EQ(1, lines("caps_create", "owner=%d cookie=0xfeed limit=9",
			   me));
	call = call_of(cap_give(p.server, port, p.client), "");
	call.operation = 5;
	call.request = data_of(pages_map(LEN), LEN);
	background_start(&b, p.client, CAPS_CALL, &call);
	EXPECT_OK(receive(p.server, port, &m));
	EXPECT_EQ(1, lines("caps_pin", "owner=%d bytes=%d pages=%d", me, LEN,
			   LEN / 4096));
	EXPECT_EQ(1, lines("caps_send", "sender=%d kind=%u operation=5 body=%d",
			   me, CAPS_KIND_CALL, LEN));
	EXPECT_EQ(1, lines("caps_claim",
			   "receiver=%d sender=%d kind=%u cookie=0xfeed", me,
			   me, CAPS_KIND_CALL));
	EXPECT_EQ(1, lines("caps_copy", "reader=%d offset=0 bytes=4095", me));
	EXPECT_OK(get_data(p.server, m.header.id, 100, m.body, 50, NULL));
	EXPECT_EQ(1, lines("caps_copy", "reader=%d offset=100 bytes=50", me));
	EXPECT_OK(reply_text(p.server, m.header.id, 0, ""));
	EXPECT_OK(background_join(&b));
	EXPECT_EQ(1, lines("caps_reply", "replier=%d id=%#llx error=0", me,
			   (unsigned long long)m.header.id));
	EXPECT_OK(port_delete(p.server, port));
	EXPECT_EQ(1, lines("caps_delete", "owner=%d cookie=0xfeed limit=9",
			   me));
	EXPECT_EQ(0, lines("caps_die", "owner=%d", me));
	close(p.client);
	close(p.server);
	EXPECT_EQ(2, lines("caps_die", "owner=%d", me));
	tracing_stop();
}

TEST_F(tidy, calls_that_are_given_up)
{
	const int me = getpid();
	struct caps_call call;
	struct message m;
	struct pair p;
	__u64 id;

	TRACING_START();
	p = pair_open();
	call = call_of(p.cap, "x");
	call.deadline = in_ms(30);
	EXPECT_ERR(ETIMEDOUT, caps_ioctl(p.client, CAPS_CALL, &call));
	EXPECT_LE(1, lines("caps_cancel", "sender=%d", me));
	EXPECT_OK(call_async(p.client, p.cap, 0, "x", &id));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_EQ(CAPS_ABORT_AT_SERVER, abort_call(p.client, id));
	EXPECT_LE(2, lines("caps_cancel", "sender=%d", me));
	EXPECT_ERR(ECANCELED, reply_text(p.server, m.header.id, 0, ""));
	EXPECT_OK(send_text(p.client, p.cap, "y"));
	EXPECT_EQ(1, lines("caps_send", "sender=%d kind=%u", me,
			   CAPS_KIND_SEND));
	tracing_stop();
}

/* No line shows where anything is in the kernel's memory. */
TEST_F(tidy, no_kernel_addresses)
{
	struct message m;
	struct pair p;

	TRACING_START();
	p = pair_open();
	EXPECT_OK(send_text(p.client, p.cap, "x"));
	EXPECT_OK(receive_now(p.server, p.port, &m));
	EXPECT_LE(1, lines("caps_claim", "receiver=%d", getpid()));
	EXPECT_EQ(0, lines_with("caps_", "ffff8"));
	EXPECT_EQ(0, lines_with("caps_", "ffffc"));
	tracing_stop();
}

TEST_HARNESS_MAIN
