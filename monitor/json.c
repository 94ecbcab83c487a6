/*
 * json.c - a model as a line of JSON; see json.h.
 */
#include "json.h"

#include <math.h>
#include <stdbool.h>

#include "contract/utf8.h"

static void write_text(const char *text, FILE *out)
{
	uint32_t character;
	char bytes[4];

	putc('"', out);
	while ((character = utf8_next(&text)) != 0)
	{
		if (character == UTF8_WRONG)
			character = '?';
		if (character == '"' || character == '\\')
			fprintf(out, "\\%c", (char) character);
		/* Beyond what JSON asks for: a line of JSON ends up on terminals. */
		else if (utf8_is_control(character) && character <= 0xFFFF)
			fprintf(out, "\\u%04x", character);
		else
			(void) fwrite(bytes, utf8_put(character, bytes), 1, out);
	}
	putc('"', out);
}

static void write_name(const char *name, bool first, FILE *out)
{
	fprintf(out, "%s\"%s\": ", first ? "" : ", ", name);
}

static void write_field(const char *name, const char *text, bool first, FILE *out)
{
	write_name(name, first, out);
	write_text(text, out);
}

static void write_count(const char *name, int64_t count, FILE *out)
{
	write_name(name, false, out);
	fprintf(out, "%lld", (long long) count);
}

static void write_real(const char *name, double number, FILE *out)
{
	write_name(name, false, out);
	if (isfinite(number))
		fprintf(out, "%.4f", number);
	else
		fputs("null", out);
}

static void write_figures(const Figures *figures, FILE *out)
{
	write_count("total", figures->total, out);
	write_count("published", figures->published, out);
	write_count("sent", figures->sent, out);
	write_count("failed", figures->failed, out);
	write_count("suppressed", figures->suppressed, out);
	write_real("rate", figures->rate, out);
	write_real("mean_ms", figures->mean_ms, out);
	write_real("sending_mean_ms", figures->sending_mean_ms, out);
}

static void write_campaign(const ModelCampaign *campaign, FILE *out)
{
	putc('{', out);
	write_field("id", campaign->id, true, out);
	write_field("name", campaign->name, false, out);
	write_field("status", campaign->status, false, out);
	write_figures(&campaign->figures, out);
	if (campaign->left_ms == MODEL_UNKNOWN_MS)
		fputs(", \"left_ms\": null", out);
	else
		write_count("left_ms", campaign->left_ms, out);
	write_field("health", campaign->health, false, out);
	write_field("reason", campaign->reason, false, out);
	write_name("classes", false, out);
	putc('[', out);
	for (int i = 0; i < campaign->class_count; i++)
	{
		fputs(i > 0 ? ", {" : "{", out);
		write_field("class", campaign->classes[i].name, true, out);
		write_figures(&campaign->classes[i].figures, out);
		putc('}', out);
	}
	fputs("]}", out);
}

static void write_sender(const ModelSender *sender, FILE *out)
{
	putc('{', out);
	write_field("name", sender->name, true, out);
	write_field("gateway", sender->gateway, false, out);
	write_field("host", sender->host, false, out);
	write_field("state", sender->state, false, out);
	write_count("held", sender->held, out);
	write_count("processed", sender->processed, out);
	write_count("failed", sender->failed, out);
	write_real("mean_ms", sender->mean_ms, out);
	putc('}', out);
}

void json_write(const Model *model, FILE *out)
{
	putc('{', out);
	write_field("at", model->at, true, out);
	write_count("total", model->total, out);
	write_name("campaigns", false, out);
	putc('[', out);
	for (size_t i = 0; i < model->count; i++)
	{
		fputs(i > 0 ? ", " : "", out);
		write_campaign(&model->campaigns[i], out);
	}
	fputs("]", out);
	write_name("senders", false, out);
	putc('[', out);
	for (size_t i = 0; i < model->sender_count; i++)
	{
		fputs(i > 0 ? ", " : "", out);
		write_sender(&model->senders[i], out);
	}
	fputs("]}\n", out);
}

void json_write_error(const Error *error, FILE *out)
{
	putc('{', out);
	write_field("error", error->text, true, out);
	fputs("}\n", out);
}
