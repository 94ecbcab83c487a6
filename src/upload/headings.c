/*
 * headings.c - names of columns; see headings.h.
 */
#include "headings.h"

#include <stdint.h>
#include <string.h>

#include "contract/utf8.h"

#define FOLDED_MAX		64 /* bytes of a heading that are compared */
#define UTF8_BEHIND_MAX 3  /* bytes of a character behind its first one */

/* Folded: small letters without accents, and digits; nothing else. */
static const char *const NUMBER_NAMES[] = {
	/* Portuguese */
	"telefone", "telefones", "celular", "celulares", "fone", "tel", "cel", "zap", "movel",
	"telemovel", "telefonecelular", "telefonemovel", "numerodetelefone", "numerodotelefone",
	"numerotelefone", "numerodecelular", "numerodocelular", "numerocelular", "telefone1",
	"telefoneprincipal", "numerodewhatsapp", "numerowhatsapp", "fonecelular",
	/* English */
	"phone", "phones", "phonenumber", "phonenumbers", "phoneno", "phonenum", "telephone",
	"telephonenumber", "mobile", "mobilephone", "mobilenumber", "mobilephonenumber", "mobileno",
	"cell", "cellphone", "cellnumber", "cellphonenumber", "msisdn", "whatsapp", "whatsappnumber",
	"phone1", "phone1value", "primaryphone",
	/* Spanish */
	"telefono", "telefonos", "movil", "moviles", "telefonomovil", "telefonocelular",
	"numerodetelefono", "numerotelefono", "numerodemovil", "numeromovil", "telefono1",
	/* German, Italian */
	"telefon", "telefonnummer", "handy", "handynummer", "mobil", "mobilnummer", "mobiltelefon",
	"rufnummer", "cellulare", "cellulari", "numeroditelefono", "numerodicellulare"};

static const char *const MAYBE_NAMES[] = {
	"numero",  "numeros", "number",	   "numbers",	   "contato", "contatos", "contacto",
	"contact", "sms",	  "recipient", "destinatario", "to",	  "para"};

/* clang-format off */
static const char *const OTHER_NUMBERS[] = {
	/* Places in a list, documents, addresses, days, and papers with a number. */
	"id", "ids", "index", "indice", "ordem", "orden", "seq", "sequencia", "codigo", "code", "cod",
	"cpf", "cnpj", "cpfcnpj", "rg", "dni", "nif", "cuit", "rut", "documento", "document", "cep",
	"zip", "zipcode", "date", "data", "fecha", "nascimento", "datadenascimento", "birthday",
	"row", "linha", "fila", "matricula", "idcliente", "clienteid", "customerid", "userid",
	"contrato", "numerocontrato", "numerodocontrato", "numerodecontrato", "contract",
	"contractnumber", "protocolo", "numeroprotocolo", "numerodoprotocolo", "protocol", "pedido",
	"numeropedido", "numerodopedido", "order", "ordernumber", "orderid", "orderno", "conta",
	"numerodaconta", "cuenta", "account", "accountnumber", "accountno", "boleto", "fatura",
	"factura", "invoice", "invoicenumber", "nf", "notafiscal", "numerodanota", "pis", "nis",
	"cnh", "cns", "ie", "inscricao", "inscricaoestadual", "titulodeeleitor", "ean", "gtin", "sku",
	"barcode", "codigodebarras", "imei", "iban", "agencia", "processo", "numerodoprocesso",
	"apolice", "poliza", "policy", "policynumber", "prontuario", "cartao", "carteirinha",
	"ticket", "chamado", "plz", "postleitzahl", "postcode", "kundennummer", "vertragsnummer",
	"bestellnummer", "rechnungsnummer", "codcliente", "codigocliente", "codigodocliente",
	"rastreio", "tracking", "trackingnumber", "cui", "cuil", "curp", "rfc", "aadhaar", "ssn",
	"passport", "passaporte", "codicefiscale", "partitaiva", "timestamp", "chave", "registro",
	"ra", "referencia", "reference", "ref", "beneficio", "numerobeneficio", "numerodobeneficio",
	"numerodebeneficio", "nb"};
/* clang-format on */

/* clang-format off */
static const char *const PART_NAMES[] = {
	"ddd", "ddd1", "ddd2", "ddd3", "codigoddd", "numeroddd", "ddi", "areacode", "codigodearea",
	"codigoarea", "countrycode", "diallingcode", "dialingcode", "stdcode", "codigodopais",
	"codigopais", "prefixo", "prefijo", "prefix", "indicativo", "lada", "clavelada", "prefisso",
	"vorwahl", "ortsvorwahl", "netzvorwahl", "landesvorwahl", "laendervorwahl", "landervorwahl"};
/* clang-format on */

static const char *const CLASS_NAMES[] = {"class", "tier", "classe", "clase"};

/* clang-format off */
static const char *const ATTRIBUTE_NAMES[] = {
	/* What lists usually have beside the number. */
	"nome", "name", "nombre", "nomecompleto", "fullname", "primeironome", "firstname", "lastname",
	"sobrenome", "apellido", "apellidos", "vorname", "nachname", "cognome", "razaosocial",
	"nomefantasia", "cliente", "clientes", "customer", "client", "kunde", "empresa", "company",
	"cidade", "city", "ciudad", "stadt", "citta", "estado", "state", "uf", "provincia", "bairro",
	"endereco", "address", "direccion", "adresse", "indirizzo", "email", "mail", "correo", "sexo",
	"genero", "gender", "idade", "age", "edad", "valor", "value", "preco", "precio", "price",
	"total", "amount", "saldo", "balance", "vencimento", "datavencimento", "duedate", "vence",
	"produto", "product", "producto", "cupom", "cupon", "coupon", "link", "url", "site",
	"observacao", "observacoes", "obs", "nota", "notas", "notes", "pais", "country", "land",
	"status", "situacao", "tag", "tags", "grupo", "group", "segmento", "segment", "mensagem",
	"message", "mensaje", "texto", "text", "plano", "plan", "vendedor", "loja", "store"};
/* clang-format on */

/* Words of a heading that says more than a usual one, and those that may stand beside them. */
/* clang-format off */
static const char *const NUMBER_WORDS[] = {
	/* Portuguese, English, Spanish, German, Italian. */
	"telefone", "telefones", "fone", "fones", "tel", "celular", "celulares", "cel", "zap",
	"whatsapp", "whats", "movel", "telemovel", "phone", "phones", "telephone", "mobile", "cell",
	"telefono", "telefonos", "movil", "cellphone", "telefon", "handy", "mobil", "rufnummer",
	"telefonnummer", "handynummer", "mobilnummer", "mobiltelefon", "cellulare"};
/* clang-format on */

/* clang-format off */
static const char *const SIDE_WORDS[] = {
	/* Whose, where and which. */
	"numero", "numeros", "number", "num", "nr", "n", "no", "value", "de", "do", "da", "del", "di",
	"dos", "das", "of", "the", "e", "ou", "or", "y", "para", "p", "com", "c", "with", "ddd",
	"res", "resid", "residencial", "residencia", "casa", "home", "comercial", "comerc",
	"trabalho", "trabajo", "work", "office", "empresa", "recado", "recados", "principal", "main",
	"primary", "secundario", "secondary", "other", "outro", "otro", "alternativo", "contato",
	"contacto", "contact", "cliente", "customer", "client", "aluno", "paciente", "responsavel",
	"mae", "pai", "titular", "pessoal", "personal", "privat", "particular", "fixo", "fijo",
	"line", "completo", "full", "sms", "envio", "1", "2", "3", "4"};
/* clang-format on */

/* Those that say so within a word, too, as in "homephone": not "movel", which is in "imovel". */
static const char *const NUMBER_STEMS[] = {"fone",	 "phone",	"telefon",	"celular",	"cellular",
										   "mobile", "telemov", "whatsapp", "rufnummer"};

static const char *const LANDLINE_WORDS[] = {
	"fixo", "fixos", "fijo", "fijos", "landline", "festnetz", "fisso", "fissi", "festnetznummer"};

#define NAMES(list) list, sizeof(list) / sizeof((list)[0])

/* Base letters of U+00C0 to U+00FF; a blank has none. */
static const char BASE_LETTERS[] =
	"aaaaaaaceeeeiiiidnooooo ouuuuypsaaaaaaaceeeeiiiidnooooo ouuuuypy";

/* The folded form, at most FOLDED_MAX bytes; characters of other scripts stay as they are. */
static size_t fold(const char *heading, size_t length, char out[FOLDED_MAX])
{
	const char *end = heading + length;
	size_t used = 0;

	while (heading < end && used + 4 <= FOLDED_MAX)
	{
		const char *from = heading;
		uint32_t c = utf8_next_before(&heading, end);

		if (c >= 0xC0 && c <= 0xFF && BASE_LETTERS[c - 0xC0] != ' ')
			c = (unsigned char) BASE_LETTERS[c - 0xC0];
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[used++] = (char) c;
		else if (c > 0xFF && (c < 0x300 || c > 0x36F) && (c < 0x2000 || c > 0x206F) && c != 0xFEFF)
		{
			/* Not combining accents, nor blanks and marks of general punctuation. */
			memcpy(out + used, from, (size_t) (heading - from));
			used += (size_t) (heading - from);
		}
	}
	return used;
}

static bool is_among(const char *folded, size_t length, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (strlen(names[i]) == length && memcmp(names[i], folded, length) == 0)
			return true;
	}
	return false;
}

static bool is_of_a_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char) c >= 0x80;
}

/* Where the word or the number that begins at `at` ends: "Fone2" has two of them. */
static const char *word_end(const char *at, const char *end)
{
	const char *from = at;

	while (at < end && is_of_a_word(*at))
		at++;
	while (at == from && at < end && !is_of_a_word(*at))
		at++;
	return at;
}

/* "Fone res.", "Phone 2 - Value": one word of a phone at least, and none that says something else.
 */
static bool is_like_number(const char *heading, size_t length)
{
	const char *end = heading + length;
	bool found = false;

	while (heading < end)
	{
		const char *next = word_end(heading, end);
		char word[FOLDED_MAX];
		size_t size = fold(heading, (size_t) (next - heading), word);
		bool is_number = is_among(word, size, NAMES(NUMBER_WORDS));

		if (size > 0 && !is_number && !is_among(word, size, NAMES(SIDE_WORDS)))
			return false;
		found |= is_number;
		heading = next;
	}
	return found;
}

static bool holds_stem(const char *folded, size_t length)
{
	for (size_t i = 0; i < sizeof(NUMBER_STEMS) / sizeof(NUMBER_STEMS[0]); i++)
	{
		size_t size = strlen(NUMBER_STEMS[i]);

		for (size_t at = 0; at + size <= length; at++)
			if (memcmp(folded + at, NUMBER_STEMS[i], size) == 0)
				return true;
	}
	return false;
}

static bool is_phone(const char *word, size_t length)
{
	return is_among(word, length, NAMES(NUMBER_WORDS)) || holds_stem(word, length);
}

static bool is_landline(const char *word, size_t length)
{
	return is_among(word, length, NAMES(LANDLINE_WORDS));
}

/* Whether there is such a word, folded, in what may be a heading. */
static bool has_word(const char *heading, size_t length, bool (*wanted)(const char *, size_t))
{
	const char *end = heading + length;

	while (length <= HEADING_MAX && heading < end)
	{
		const char *next = word_end(heading, end);
		char word[FOLDED_MAX];
		size_t size = fold(heading, (size_t) (next - heading), word);

		if (wanted(word, size))
			return true;
		heading = next;
	}
	return false;
}

bool heading_mentions_number(const char *heading, size_t length)
{
	return has_word(heading, length, is_phone);
}

bool heading_is_of_landlines(const char *heading, size_t length)
{
	return has_word(heading, length, is_landline);
}

HeadingMeaning heading_meaning(const char *heading, size_t length)
{
	char folded[FOLDED_MAX];
	size_t size;

	if (length > HEADING_MAX)
		return HEADING_OTHER;
	size = fold(heading, length, folded);
	if (is_among(folded, size, NAMES(NUMBER_NAMES)))
		return HEADING_NUMBER;
	if (is_among(folded, size, NAMES(MAYBE_NAMES)))
		return HEADING_MAYBE_NUMBER;
	if (is_among(folded, size, NAMES(OTHER_NUMBERS)))
		return HEADING_NO_NUMBER;
	if (is_among(folded, size, NAMES(PART_NAMES)))
		return HEADING_PART;
	if (is_among(folded, size, NAMES(CLASS_NAMES)))
		return HEADING_CLASS;
	if (is_among(folded, size, NAMES(ATTRIBUTE_NAMES)))
		return HEADING_ATTRIBUTE;
	return is_like_number(heading, length) ? HEADING_LIKE_NUMBER : HEADING_OTHER;
}

bool heading_is(const char *heading, size_t length, const char *name, size_t name_length)
{
	char left[FOLDED_MAX];
	char right[FOLDED_MAX];
	size_t size;

	if (length > HEADING_MAX || name_length > HEADING_MAX)
		return false;
	size = fold(heading, length, left);
	return size > 0 && size == fold(name, name_length, right) && memcmp(left, right, size) == 0;
}

/* The length of what is looked at, which never ends within a character. */
static size_t within_heading(const char *heading, size_t length)
{
	if (length <= HEADING_MAX)
		return length;
	length = HEADING_MAX;
	for (int i = 0; i < UTF8_BEHIND_MAX && ((unsigned char) heading[length] & 0xC0) == 0x80; i++)
		length--;
	return length;
}

int heading_name(const char *heading, size_t length, char out[HEADING_NAME_MAX])
{
	const char *end = heading + within_heading(heading, length);
	size_t used = 0;

	while (heading < end)
	{
		const char *from = heading;
		uint32_t c = utf8_next_before(&heading, end);
		size_t size = (size_t) (heading - from);

		if (c == UTF8_WRONG)
			return -1;
		if (used + size > HEADING_NAME_MAX)
			break;
		/* "Cód. cliente" is "Cód cliente", "address.city" is "address_city". */
		if (c == '.' && (heading == end || *heading == ' '))
			continue;
		if (c == ' ' || utf8_is_control(c))
		{
			if (used > 0 && out[used - 1] != ' ')
				out[used++] = ' ';
		}
		else if (c == '.')
			out[used++] = '_';
		else if (c != '$' || used > 0)
		{
			memcpy(out + used, from, size);
			used += size;
		}
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	return (int) used;
}
