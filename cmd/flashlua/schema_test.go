package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flashlua/flashlua/engine"
)

// schemas are the published JSON schemas: the file in docs, what it describes, and the Go type that is written.
var schemas = []struct {
	file, title, section string
	of                   reflect.Type
}{
	{"verdict.schema.json", "The verdict of flashlua", "## The verdict", reflect.TypeFor[engine.Report]()},
	{"event.schema.json", "An event of flashlua, a line of events.jsonl", "## The events", reflect.TypeFor[engine.Event]()},
}

// TestSchemas holds the JSON schemas in docs to the Go types and to docs/outputs.md. UPDATE=1 writes them.
func TestSchemas(t *testing.T) {
	for _, s := range schemas {
		path := filepath.Join("../../docs", s.file)
		want := schemaText(t, s.title, s.section, s.of)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what the Go types and docs/outputs.md say, %v; UPDATE=1 go test -run TestSchemas ./cmd/flashlua writes it", s.file, err)
		}
	}
}

// schemaText returns the JSON schema of a type with the meanings of a section of docs/outputs.md.
func schemaText(t *testing.T, title, section string, of reflect.Type) []byte {
	t.Helper()
	g := schemaMaker{t: t, root: of, docs: outputDocs(t, section)}
	schema := g.object(of, "")
	schema["$schema"], schema["title"] = "https://json-schema.org/draft/2020-12/schema", title
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(schema); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// schemaMaker makes the schema of one Go type.
type schemaMaker struct {
	t    *testing.T
	root reflect.Type
	docs map[string]string // by dotted names
}

// object returns the schema of a struct, which is the field of that name.
func (g schemaMaker) object(of reflect.Type, name string) map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range of.NumField() {
		f := of.Field(i)
		field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if field == "" || field == "-" {
			continue
		}
		full := strings.TrimPrefix(name+"."+field, ".")
		value := g.value(f.Type, full)
		if doc := g.docs[full]; doc != "" {
			value["description"] = doc
		}
		if slices.Contains([]string{"started", "ended", "last_write", "read_back"}, field) {
			value["format"] = "date-time"
		}
		properties[field] = value
		if !strings.HasPrefix(options, "omit") {
			required = append(required, field)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}

// value returns the schema of the values of a type, in the field of that name.
func (g schemaMaker) value(of reflect.Type, name string) map[string]any {
	if of == reflect.TypeFor[time.Time]() {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return g.value(of.Elem(), name)
	case reflect.Interface:
		return map[string]any{}
	case reflect.String:
		if names := constantsOf(g.t, of); names != nil {
			return map[string]any{"type": "string", "enum": names}
		}
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.value(of.Elem(), name)}
	case reflect.Map:
		return map[string]any{"type": "object"}
	case reflect.Struct:
		if of == g.root {
			return map[string]any{"$ref": "#"}
		}
		return g.object(of, strings.TrimPrefix(name, "parts."))
	}
	g.t.Fatalf("%s has the type %s, which the test does not know", name, of)
	return nil
}

// constantsOf returns the values of the constants of a string type of package engine, nil for string itself.
func constantsOf(t *testing.T, of reflect.Type) (values []string) {
	t.Helper()
	if of.PkgPath() != engine.ModulePath+"/engine" {
		return nil
	}
	files, err := filepath.Glob("../../engine/*.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^\t\w+ +` + of.Name() + ` += "(.*?)"`)
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllSubmatch(source, -1) {
			values = append(values, string(m[1]))
		}
	}
	return values
}

// outputDocs returns the meanings of the fields in a section of docs/outputs.md, by their dotted names, as plain text.
func outputDocs(t *testing.T, section string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/outputs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "\n"+section+"\n")
	if !found {
		t.Fatalf("docs/outputs.md has no section %q", section)
	}
	part, _, _ = strings.Cut(part, "\n## ")
	docs, of := map[string]string{}, ""
	link := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	for _, m := range regexp.MustCompile(`(?m)^\| (.*?) \| (.*) \|$`).FindAllStringSubmatch(part, -1) {
		if strings.HasPrefix(m[1], "field") {
			_, of, _ = strings.Cut(strings.TrimSuffix(m[1], "`"), "`")
			continue
		}
		doc := strings.TrimSuffix(strings.ReplaceAll(link.ReplaceAllString(m[2], "$1"), "`", ""), ", see below")
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(m[1], -1) {
			docs[strings.TrimPrefix(of+"."+name[1], ".")] = doc
		}
	}
	return docs
}

// compileSchema returns the published schema in a file of docs. It refuses fields that the schema does not have.
func compileSchema(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../docs", file))
	if err != nil {
		t.Fatal(err)
	}
	closed := bytes.ReplaceAll(raw, []byte(`"required": [`), []byte(`"additionalProperties": false, "required": [`))
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(closed))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(file, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// verdictsIn returns the content of each verdict.json below dir, by its path.
func verdictsIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() != artefactNames["verdict"] {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// checkOutputs holds the verdicts and the events below dir, which runs have written, to the published schemas. All
// events of a file have one run_id, that of the verdict and of the transcript next to it. given are verdicts of no run.
func checkOutputs(t *testing.T, dir string, given map[string]string) {
	t.Helper()
	verdict, event := compileSchema(t, schemas[0].file), compileSchema(t, schemas[1].file)
	check := func(path string, s *jsonschema.Schema, text []byte) (runID string) {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = s.Validate(doc)
		}
		if err != nil {
			t.Errorf("%s: %s\n%v", path, text, err)
		}
		fields, _ := doc.(map[string]any)
		runID, _ = fields["run_id"].(string)
		return runID
	}
	for path, text := range verdictsIn(t, dir) {
		if text == given[path] {
			continue
		}
		runID := check(path, verdict, []byte(text))
		events, _ := os.ReadFile(filepath.Join(filepath.Dir(path), artefactNames["events"]))
		for line := range bytes.Lines(events) {
			if got := check(path, event, line); got != runID {
				t.Errorf("%s: run_id of an event next to it = %q; want %q", path, got, runID)
			}
		}
		transcript, _ := os.ReadFile(filepath.Join(filepath.Dir(path), artefactNames["transcript"]))
		if first, _, _ := bytes.Cut(transcript, []byte("\n")); len(first) > 0 && !bytes.HasSuffix(first, []byte(" # run "+runID)) {
			t.Errorf("%s: the transcript next to it begins with %q; want run %s", path, first, runID)
		}
	}
}

// TestSchemasRefuse holds that the published schemas take the verdict of a refusal, and nothing that is none.
func TestSchemasRefuse(t *testing.T) {
	report := engine.RefusedReport(usageError("wrong"))
	report.Mode = engine.ModeFlash
	report.EndAt(time.Unix(0, 0))
	verdict, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	event, err := json.Marshal(report.EndEvent(time.Unix(0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	for i, right := range []string{string(verdict), string(event)} {
		schema := compileSchema(t, schemas[i].file)
		for _, tt := range []struct {
			name, old, replacement string
			ok                     bool
		}{
			{"as written", "", "", true},
			{"another field", `"run_id"`, `"other":1,"run_id"`, false},
			{"without run_id", `"run_id"`, `"kind"`, false},
			{"a number that is a text", `"run_id":"`, `"attempt":"1","run_id":"`, false},
			{"another result", `"result":"failed"`, `"result":"fine"`, i > 0},
			{"another type", `"type":"end"`, `"type":"fin"`, i == 0},
			{"another time", `1970-`, `70-`, false},
		} {
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(right, tt.old, tt.replacement, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); (err == nil) != tt.ok {
				t.Errorf("%s, %s: Validate = %v; want success %t", schemas[i].file, tt.name, err, tt.ok)
			}
		}
	}
}
