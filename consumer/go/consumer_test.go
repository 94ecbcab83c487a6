package main

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
)

const plain = `{"version":1,"campaign_id":"tz4a98xxat96iws9zmbrgj3a","class":"NORMAL","total":2,"first_seq":1,` +
	`"message":"Hello","recipients":[{"identifier":"f1k0n2p9x7c3v5b8m4q6w1za","phone_number":"+5511987654321"},` +
	`{"identifier":"g8t3r5w2y6u1i9o4p7s0d3fb","phone_number":"+5511987654322"}]}`

func TestDocumentIDIsTheOneOfTheWorkedExample(t *testing.T) {
	for _, one := range []struct {
		class string
		seq   int64
		want  string
	}{{"VIP", 1, "c72a31523b9e32682d28000000000001"}, {"NORMAL", 1, "c72a31523b9e32682d28010000000001"},
		{"NORMAL", 70000, "c72a31523b9e32682d28010000011170"}} {
		id := documentID("tz4a98xxat96iws9zmbrgj3a", one.class, one.seq)
		if hex.EncodeToString(id.Data) != one.want || seqOf(id) != one.seq {
			t.Errorf("%s %d: %x", one.class, one.seq, id.Data)
		}
	}
}

func TestDecodeTakesWhatIsWellFormed(t *testing.T) {
	own := strings.Replace(plain, `"version":1`, `"version":2`, 1)
	own = strings.Replace(own, `321"}`, `321","message":"Hi","attributes":{"a":-1.5,"b":[1,null,{}],"c":"é\ud83d\ude00"}}`, 1)
	left := strings.Replace(plain, `"version":1`, `"version":3`, 1)
	left = left[:strings.Index(left, `"recipients"`)] + `"recipients":[null,null]}`
	batch, err := decode([]byte(plain), map[string]any{"count": int32(2), "version": int64(1)})
	if err != nil || batch.Last != 2 || batch.Recipients[1].Number != "+5511987654322" {
		t.Errorf("plain: %v %v", batch, err)
	}
	batch, err = decode([]byte(own), nil)
	want := bson.D{{Key: "a", Value: -1.5}, {Key: "b", Value: bson.A{int64(1), nil, bson.D{}}}, {Key: "c", Value: "é😀"}}
	if err != nil || batch.Recipients[0].Text != "Hi" || batch.Recipients[1].Text != "Hello" ||
		!reflect.DeepEqual(batch.Recipients[0].Attributes, want) {
		t.Errorf("own: %v %v", batch, err)
	}
	if batch, err = decode([]byte(left), nil); err != nil || batch.Recipients[0] != nil || batch.Last != 2 {
		t.Errorf("left out: %v %v", batch, err)
	}
	body, headers, err := batch.alone(2)
	if one, again := decode(body, headers); err != nil || again != nil || one.First != 2 || one.Last != 2 {
		t.Errorf("alone: %s %v %v", body, err, again)
	}
}

func TestDecodeRefusesWhatIsMalformed(t *testing.T) {
	for _, change := range [][2]string{{"{", ""}, {`}]}`, `}]} x`}, {"Hello", "Hell\xff"}, {"Hello", `Hell\u0000`},
		{"Hello", `\ud800`}, {"Hello", `\udc00\ud800`}, {"Hello", `\ud800\n`}, {"Hello", strings.Repeat("x", 4097)},
		{`"version":1`, `"version":4`}, {`"version":1`, `"version":1,"version":1`}, {`"NORMAL"`, `"GOLD"`},
		{`"first_seq":1`, `"first_seq":2`}, {`"first_seq":1`, `"first_seq":"1"`}, {`"total":2`, `"total":1099511627776`},
		{`"total":2`, `"total":99999999999999999999`}, {`+5511987654321`, `5511987654321`}, {`tz4a98`, `Tz4a98`},
		{`"identifier":"f1`, `"identity":"f1`}, {`[{`, `[null,{`}, {`"Hello"`, `null`}} {
		if _, err := decode([]byte(strings.Replace(plain, change[0], change[1], 1)), nil); !errors.As(err, new(Rejected)) {
			t.Errorf("%q -> %q: %v", change[0], change[1], err)
		}
	}
	for _, attributes := range []string{`[]`, `null`, `{"":1}`, `{"$a":1}`, `{"a":[{"b.c":1}]}`, `{"a":9223372036854775808}`,
		`{"a":1e15}`, `{"a":1,"a":1}`} {
		body := strings.Replace(plain, `"version":1`, `"version":2`, 1)
		body = strings.Replace(body, `321"}`, `321","attributes":`+attributes+`}`, 1)
		if _, err := decode([]byte(body), nil); !errors.As(err, new(Rejected)) {
			t.Errorf("%s: %v", attributes, err)
		}
	}
	if _, err := decode([]byte(plain), map[string]any{"count": int64(3)}); !errors.As(err, new(Rejected)) {
		t.Errorf("a header that disagrees: %v", err)
	}
	if _, err := decode([]byte(plain+strings.Repeat(" ", bodyMax)), nil); !errors.As(err, new(Rejected)) {
		t.Errorf("too long: %v", err)
	}
}

func TestADeadLetterOfOneIsCanonical(t *testing.T) {
	attributes := `{"a":0.0000001,"b":-99999999999999.5,"c":0.000000000000001,"d":-9223372036854775808,"e":[true,null,{}],` +
		`"f":"<&>` + "\u007f\u2028" + `\\u2028/\"\b\t\n\f\r\u0001\u001fé😀"}`
	body := strings.Replace(plain, `"version":1`, `"version":2,"later":1e300`, 1)
	body = strings.Replace(body, `321"}`, `321","attributes":`+attributes+`}`, 1)
	batch, err := decode([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	letter, _, err := batch.alone(1)
	if err != nil || !strings.Contains(string(letter), `"attributes":`+attributes) {
		t.Errorf("%v %s", err, letter)
	}
	if _, err := decode(letter, nil); err != nil {
		t.Error(err)
	}
}

func TestDecide(t *testing.T) {
	for _, one := range []struct {
		first, last, next int64
		want              Decision
	}{{1, 5, 1, Store}, {1, 5, 5, Store}, {1, 5, 6, Repeat}, {2, 5, 1, Gap}} {
		if got := decide(one.first, one.last, one.next); got != one.want {
			t.Errorf("%v: %v", one, got)
		}
	}
}

func TestNextGoesOnBehindWhatNeedNotBeThere(t *testing.T) {
	failed := []Range{{1, 2}, {6, 9}}
	for _, one := range []struct {
		reported, highest, next int64
		lost                    bool
	}{{0, 0, 1, false}, {2, 0, 3, false}, {9, 5, 10, false}, {9, 4, 5, true}, {3, 9, 4, false}} {
		if next, lost := nextOf(one.reported, one.highest, failed); next != one.next || lost != one.lost {
			t.Errorf("%v: %d %v", one, next, lost)
		}
	}
}

func TestMultiranges(t *testing.T) {
	for text, want := range map[string][]Range{"{}": nil, "{[1,2)}": {{1, 1}}, "{[1,3),[7,1099511627776)}": {{1, 2}, {7, seqMax}}} {
		if got, err := parseMultirange(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	if _, err := parseMultirange("{[1,x)}"); err == nil {
		t.Error("no error")
	}
}

func TestRunsAndTheFirstMissing(t *testing.T) {
	var found []Range
	runs(Range{3, 8}, map[int64]bool{4: true, 5: true, 8: true}, func(one Range, apart bool) {
		if apart {
			found = append(found, one)
		}
	})
	if !reflect.DeepEqual(found, []Range{{4, 5}, {8, 8}}) {
		t.Error(found)
	}
	for _, one := range []struct {
		there  []int64
		failed []Range
		want   int64
	}{{[]int64{1, 2, 3, 4}, nil, 0}, {[]int64{1, 2, 4}, nil, 3}, {[]int64{1, 4}, []Range{{2, 3}}, 0}, {nil, []Range{{1, 3}}, 4}} {
		if got := firstMissing(4, one.there, one.failed); got != one.want {
			t.Errorf("%v: %d", one, got)
		}
	}
}

func TestALargeClassIsLookedThroughStepByStep(t *testing.T) {
	lane := &Lane{step: time.NewTimer(0)}
	<-lane.step.C
	var found []Range
	look := func(window Range) error {
		if !lane.step.Stop() {
			t.Errorf("no step for %v", window)
		}
		found = append(found, window)
		return nil
	}
	if err := lane.lookThrough(Unchecked{Total: 2*lookWindow + 1}, look); err != nil {
		t.Error(err)
	}
	want := []Range{{1, lookWindow}, {lookWindow + 1, 2 * lookWindow}, {2*lookWindow + 1, 2*lookWindow + 1}}
	if !reflect.DeepEqual(found, want) {
		t.Error(found)
	}
	calls, wrong := 0, errors.New("away")
	err := windows(Range{5, 9}, 4, func(Range) error { calls++; return wrong })
	if err != wrong || calls != 1 {
		t.Errorf("%d calls: %v", calls, err)
	}
}

func TestDocumentsOfAClassAreReadAtOnce(t *testing.T) {
	var documents []*Document
	for _, one := range []struct {
		class string
		seq   int64
	}{{"VIP", 1}, {"VIP", 2}, {"VIP", 1002}, {"VIP", 2003}, {"VIP", 2003}, {"NORMAL", 2004}} {
		documents = append(documents, &Document{Campaign: "aa", Class: one.class, Seq: one.seq})
	}
	for at, want := range []int{3, 2, 1, 1, 1, 1} {
		if got := nearOf(documents[at:]); got != want {
			t.Errorf("from %d: %d", at, got)
		}
	}
}

func TestOnlyThePrimaryIsRead(t *testing.T) {
	got := optionsOf("mongodb://a/?readPreference=secondary&readPreferenceTags=dc:x&readConcernLevel=local&w=1")
	if err := got.Validate(); err != nil || got.ReadPreference.Mode() != readpref.PrimaryMode ||
		got.ReadConcern.Level != "majority" || got.WriteConcern.W != "majority" {
		t.Errorf("%v %v %v %v", err, got.ReadPreference, got.ReadConcern, got.WriteConcern)
	}
}

func TestOldCampaignsAreForgotten(t *testing.T) {
	lane := &Lane{campaigns: map[string]*Campaign{}}
	for at := range 3 * campaignsMax {
		lane.remember(strconv.Itoa(at), &Campaign{readAt: time.Now().Add(-trust)})
	}
	if got := len(lane.campaigns); got > campaignsMax {
		t.Errorf("%d are known", got)
	}
	for at := range campaignsMax + 1 {
		lane.remember(strconv.Itoa(at), &Campaign{readAt: time.Now().Add(time.Hour)})
	}
	if got := len(lane.campaigns); got != campaignsMax+1 {
		t.Errorf("%d of those that were just read are known", got)
	}
}

func TestHosts(t *testing.T) {
	for _, one := range []struct {
		url  string
		turn int
		want string
	}{
		{"amqp://h", 3, "amqp://h"},
		{"amqp://u:p@a:1,b:2,c/v?heartbeat=5", 0, "amqp://u:p@a:1/v?heartbeat=5"},
		{"amqp://u:p@a:1,b:2,c/v?heartbeat=5", 4, "amqp://u:p@b:2/v?heartbeat=5"},
		{"amqps://u:p,q@a,[::1]:3/a,b", 1, "amqps://u:p,q@[::1]:3/a,b"},
		{"amqp://a,b?x=1", 1, "amqp://b?x=1"},
	} {
		if got := hostAt(one.url, one.turn); got != one.want {
			t.Errorf("%s %d: %s", one.url, one.turn, got)
		}
	}
}

func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	lines := "# a comment\nAMQP_URL = 'amqp://file'\nMONGODB_URI=mongodb://file/?a=b\nCAMPAIGN_PREFETCH=7\n"
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"DATABASE_URL": "postgresql://environment", "MONGODB_URI": "mongodb://environment"}
	getenv := func(name string) string { return environment[name] }
	got, err := readSettings(getenv, file)
	want := Settings{"amqp://file", "mongodb://environment", "postgresql://environment", "messages", 7}
	if err != nil || got != want {
		t.Errorf("%v %v", got, err)
	}
	if _, err := readSettings(getenv, "/nowhere/.env"); err == nil || !strings.Contains(err.Error(), "AMQP_URL") {
		t.Errorf("without an address: %v", err)
	}
}

func TestAMalformedAddressIsAWrongSetting(t *testing.T) {
	wrong := map[string][]string{
		"AMQP_URL": {"amqp://u:secret%zz@h/v", "amqp://u:secret/x@h", "amqp://u:x#secret@h", "amqp://u:x?secret@h",
			"amqp://u:sec ret@h", "amqp://u:secret@a,b:c/v", "amqp://u:secret@a,,b/v", "amqp://u:secret@h:65536",
			"amqp://u:secret@h/v?heartbeat=secret", "http://u:secret@h", "u:secret@h", "amqp:u:secret@h"},
		"MONGODB_URI":  {"mongodb://u:secret%zz@h/v", "mongodb://u:secret/x@h/v", "mongodb://u:secret@h:x/v", "u:secret@h"},
		"DATABASE_URL": {"postgresql://u:secret%zz@h/v", "postgresql://u:secret/x@h/v", "postgresql://u:secret@h:x/v", "u:secret@h"},
	}
	for name, urls := range wrong {
		for _, url := range urls {
			environment := map[string]string{"AMQP_URL": "amqp://h", "MONGODB_URI": "mongodb://h", "DATABASE_URL": "postgresql://h"}
			environment[name] = url
			_, err := readSettings(func(name string) string { return environment[name] }, "/nowhere/.env")
			if err == nil || err.Error() != name+": not a URL" {
				t.Errorf("%s: %v", url, err)
			}
		}
	}
	if url := "AMQPS://u:p%2Fq@a:1,[::1]:2,c/v%2Fw?heartbeat=5"; !isBroker(url) {
		t.Errorf("%s is one", url)
	}
	if uri := "mongodb+srv://nowhere.invalid/v"; !isMongoDB(uri) {
		t.Errorf("%s may become one", uri)
	}
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, "/nowhere/ca.pem"} {
		if url := "postgresql://u:p%2Fq@a,b:5433/v?sslmode=verify-full&sslrootcert=" + file; !isPostgreSQL(url) {
			t.Errorf("%s may become one", url)
		}
	}
}

func TestThePauseGrowsUnlessASessionLasts(t *testing.T) {
	var wait time.Duration
	for _, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		if wait = nextWait(wait, waitMax-1); wait != want*time.Millisecond {
			t.Errorf("%v, not %v ms", wait, int64(want))
		}
	}
	if wait = nextWait(wait, waitMax); wait != waitFirst {
		t.Errorf("%v behind one that has lasted", wait)
	}
}
