/* SPDX-License-Identifier: MIT */
#include "line.h"

#include <cstring>
#include <new>
#include <simdjson.h>
#include <vector>

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

struct line_reader {
	simdjson::dom::parser parser;
	std::vector<line_site> sites;
};

static const char *const outcomes[LINE_OUTCOMES] = {
	"reset", "averted", "lingering", "delivered", "expired", "failed", "shared", "seen"};

static span text_of(element value)
{
	std::string_view s;

	if (value.get_string().get(s))
		return {"", 0};
	return {s.data(), s.size()};
}

static uint64_t number_of(element value)
{
	uint64_t n;

	return value.get_uint64().get(n) ? 0 : n;
}

static bool is(span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* Digits from at on; -1 if there is something else. */
static int digits(const char *at, unsigned n)
{
	int value = 0;

	for (; n; n--, at++) {
		if (*at < '0' || *at > '9')
			return -1;
		value = 10 * value + (*at - '0');
	}
	return value;
}

/* Days since the epoch of a date in the Gregorian calendar (Howard Hinnant's days_from_civil). */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "2026-11-22T12:00:00.123456Z" */
static int64_t time_of(element value)
{
	span s = text_of(value);
	int year, month, day, hour, minute, second, us;

	if (s.len != 27)
		return LINE_UNKNOWN;
	year = digits(s.at, 4), month = digits(s.at + 5, 2), day = digits(s.at + 8, 2);
	hour = digits(s.at + 11, 2), minute = digits(s.at + 14, 2), second = digits(s.at + 17, 2);
	us = digits(s.at + 20, 6);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || hour < 0 || minute < 0 ||
		second < 0 || us < 0)
		return LINE_UNKNOWN;
	return ((days_of(year, month, day) * 24 + hour) * 60 + minute) * INT64_C(60000000) +
		second * INT64_C(1000000) + us;
}

static line_kind kind_of(element value)
{
	span s = text_of(value);

	return is(s, "rst")	   ? LINE_RST
		: is(s, "summary") ? LINE_SUMMARY
		: is(s, "notice")  ? LINE_NOTICE
		: is(s, "close")   ? LINE_CLOSE
				   : LINE_OTHER;
}

/* "0x41b2" */
static uint64_t offset_of(span s)
{
	uint64_t value = 0;

	for (size_t i = 2; i < s.len && i < 18; i++) {
		char c = s.at[i];
		int digit = c >= '0' && c <= '9' ? c - '0'
			: c >= 'a' && c <= 'f'	 ? c - 'a' + 10
						 : -1;

		if (digit < 0)
			return 0;
		value = value << 4 | (unsigned)digit;
	}
	return value;
}

static void read_frame(line_frame *f, object o)
{
	*f = line_frame{{"", 0}, {"", 0}, {"", 0}, 0};
	for (auto member : o) {
		if (member.key == "module")
			f->module = text_of(member.value);
		else if (member.key == "build_id")
			f->build_id = text_of(member.value);
		else if (member.key == "symbol")
			f->symbol = text_of(member.value);
		else if (member.key == "offset")
			f->offset = offset_of(text_of(member.value));
	}
}

static void read_frames(line_stack *stack, element value)
{
	array frames;
	object o;

	stack->count = 0;
	if (value.get_array().get(frames))
		return;
	for (element frame : frames) {
		if (stack->count < LINE_FRAMES && !frame.get_object().get(o))
			read_frame(&stack->frames[stack->count++], o);
	}
}

static void read_language(line_stack *stack, element value)
{
	array frames;
	object o;

	stack->language_count = 0;
	if (value.get_array().get(frames))
		return;
	for (element frame : frames) {
		if (stack->language_count == LINE_LANGUAGE || frame.get_object().get(o))
			continue;
		line_language *l = &stack->language[stack->language_count++];
		*l = line_language{{"", 0}, {"", 0}, 0};
		for (auto member : o) {
			if (member.key == "file")
				l->file = text_of(member.value);
			else if (member.key == "function")
				l->function = text_of(member.value);
			else if (member.key == "line")
				l->line = number_of(member.value);
		}
	}
}

static void read_armed(line_stack *stack, element value)
{
	object o;

	if (value.get_object().get(o))
		return;
	for (auto member : o) {
		if (member.key == "op")
			stack->op = text_of(member.value);
		else if (member.key == "stack_id")
			stack->stack_id = text_of(member.value);
		else if (member.key == "frames")
			read_frames(stack, member.value);
		else if (member.key == "language_frames")
			read_language(stack, member.value);
	}
}

static void read_outcomes(line_site *site, element value)
{
	object o;

	if (value.get_object().get(o))
		return;
	for (auto member : o) {
		for (unsigned i = 0; i < LINE_OUTCOMES; i++) {
			if (member.key == outcomes[i])
				site->figures.outcomes[i] = number_of(member.value);
		}
	}
}

static void read_site(line_site *site, object o)
{
	for (auto member : o) {
		if (member.key == "pattern")
			site->pattern = text_of(member.value);
		else if (member.key == "op")
			site->op = text_of(member.value);
		else if (member.key == "stack_id")
			site->stack_id = text_of(member.value);
		else if (member.key == "count")
			site->figures.count = number_of(member.value);
		else if (member.key == "unread")
			site->figures.unread = number_of(member.value);
		else if (member.key == "unsent")
			site->figures.unsent = number_of(member.value);
		else if (member.key == "drained")
			site->figures.drained = number_of(member.value);
		else if (member.key == "destroyed")
			site->figures.destroyed = number_of(member.value);
		else if (member.key == "saved")
			site->figures.saved = number_of(member.value);
		else if (member.key == "outcomes")
			read_outcomes(site, member.value);
	}
}

static void read_sites(line_reader *r, element value)
{
	array sites;
	object o;

	r->sites.clear();
	if (value.get_array().get(sites))
		return;
	for (element site : sites) {
		if (site.get_object().get(o))
			continue;
		r->sites.push_back(line_site{});
		line_site *s = &r->sites.back();
		s->pattern = s->op = s->stack_id = span{"", 0};
		read_site(s, o);
	}
}

/* What a member's value is read into. */
struct member {
	std::string_view name;
	span line::*text;
	uint64_t line::*number;
	void (*read)(line_reader *r, line *l, element value);
};

static void read_time(line_reader *, line *l, element value)
{
	l->time_us = time_of(value);
}

static void read_event(line_reader *, line *l, element value)
{
	l->kind = kind_of(value);
}

static void read_stack_id(line_reader *, line *l, element value)
{
	l->stack.stack_id = text_of(value);
}

static void read_stack(line_reader *, line *l, element value)
{
	read_frames(&l->stack, value);
}

static void read_armed_by(line_reader *, line *l, element value)
{
	read_armed(&l->armed_by, value);
}

static void read_callsites(line_reader *r, line *, element value)
{
	read_sites(r, value);
}

/* By length, so that a name is compared with few others. */
static const member members[] = {
	{"op", &line::op, nullptr, nullptr},
	{"pid", nullptr, &line::pid, nullptr},
	{"time", nullptr, nullptr, read_time},
	{"role", &line::role, nullptr, nullptr},
	{"peer", &line::peer, nullptr, nullptr},
	{"harm", &line::harm, nullptr, nullptr},
	{"host", &line::host, nullptr, nullptr},
	{"sock", nullptr, &line::sock, nullptr},
	{"lost", nullptr, &line::lost, nullptr},
	{"code", &line::code, nullptr, nullptr},
	{"text", &line::text, nullptr, nullptr},
	{"event", nullptr, nullptr, read_event},
	{"local", &line::local, nullptr, nullptr},
	{"count", nullptr, &line::count, nullptr},
	{"start", nullptr, &line::start, nullptr},
	{"netns", nullptr, &line::netns, nullptr},
	{"unread", nullptr, &line::unread, nullptr},
	{"unsent", nullptr, &line::unsent, nullptr},
	{"action", &line::action, nullptr, nullptr},
	{"events", nullptr, &line::events, nullptr},
	{"frames", nullptr, nullptr, read_stack},
	{"pattern", &line::pattern, nullptr, nullptr},
	{"outcome", &line::outcome, nullptr, nullptr},
	{"program", &line::program, nullptr, nullptr},
	{"drained", nullptr, &line::drained, nullptr},
	{"boot_id", &line::boot_id, nullptr, nullptr},
	{"stack_id", nullptr, nullptr, read_stack_id},
	{"armed_by", nullptr, nullptr, read_armed_by},
	{"callsites", nullptr, nullptr, read_callsites},
	{"language_frames", nullptr, nullptr,
		[](line_reader *, line *l, element value) { read_language(&l->stack, value); }},
};

static const size_t LONGEST = 15;

/* Where the names of each length begin. */
static const struct lengths {
	unsigned char first[LONGEST + 2];
	lengths() : first{}
	{
		for (size_t len = 0; len <= LONGEST + 1; len++) {
			for (const member &m : members)
				first[len] += m.name.size() < len;
		}
	}
} lengths;

static void read_member(line_reader *r, line *l, std::string_view key, element value)
{
	if (key.size() > LONGEST)
		return;
	for (unsigned i = lengths.first[key.size()]; i < lengths.first[key.size() + 1]; i++) {
		const member &m = members[i];

		if (m.name.front() != key.front() || m.name.back() != key.back() ||
			memcmp(m.name.data(), key.data(), key.size()) != 0)
			continue;
		if (m.read)
			m.read(r, l, value);
		else if (m.text)
			l->*m.text = text_of(value);
		else
			l->*m.number = number_of(value);
		return;
	}
}

/* All but the frames, which are many and are counted. */
static void clear(line *l)
{
	const span none = {"", 0};

	for (const member &m : members) {
		if (m.text)
			l->*m.text = none;
		else if (m.number)
			l->*m.number = 0;
	}
	l->kind = LINE_OTHER;
	l->time_us = LINE_UNKNOWN;
	l->stack.op = l->stack.stack_id = l->armed_by.op = l->armed_by.stack_id = none;
	l->stack.count = l->armed_by.count = 0;
	l->stack.language_count = l->armed_by.language_count = 0;
}

line_reader *line_reader_new(void)
{
	return new (std::nothrow) line_reader;
}

void line_reader_free(line_reader *r)
{
	delete r;
}

bool line_read(line_reader *r, line *l, const char *text, size_t len)
{
	object o;

	clear(l);
	r->sites.clear();
	if (r->parser.parse(text, len, false).get_object().get(o))
		return false;
	for (auto member : o)
		read_member(r, l, member.key, member.value);
	l->sites = r->sites.data();
	l->site_count = r->sites.size();
	return true;
}

void line_make_utf8(char *text, size_t len)
{
	if (simdjson::validate_utf8(text, len))
		return;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80)
			text[i] = '?';
	}
}
