package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A ciJob is a job of docs/ci.md, whatever its CI server is.
type ciJob struct {
	server, name string
	env          map[string]string
	steps        []ciStep
	retries      int   // by the server
	retryOn      []int // exit codes
	files        []string
	junit        string
}

// A ciStep is a script that the server starts in a process of its own.
type ciStep struct {
	shell []string // the last argument is a file with text
	text  string
}

// The shells as the servers start them.
var (
	gitlabShell  = []string{"bash", "-eo", "pipefail"}
	githubShell  = []string{"bash", "-e"}
	jenkinsShell = []string{"sh", "-xe"}
)

// The types have the keys that the jobs use: an unknown key is an error.
type (
	gitlabJob struct {
		Tags        []string
		Variables   map[string]string
		Script      []string
		AfterScript []string `yaml:"after_script"`
		Timeout     string
		Parallel    struct{ Matrix []map[string][]string }
		Retry       struct {
			Max       int
			ExitCodes []int `yaml:"exit_codes"`
		}
		Artifacts struct {
			When    string
			Paths   []string
			Reports map[string]string
		}
	}
	githubWorkflow struct {
		Name string
		On   []string
		Jobs map[string]struct {
			RunsOn         []string `yaml:"runs-on"`
			TimeoutMinutes int      `yaml:"timeout-minutes"`
			Env            map[string]string
			Strategy       struct {
				FailFast bool `yaml:"fail-fast"`
				Matrix   map[string][]string
			}
			Steps []githubStep
		}
	}
	githubStep struct {
		Name, Uses, If, Run string
		Env, With           map[string]string
	}
)

// ciJobs returns the jobs of docs/ci.md. Of a matrix it returns the first job.
func ciJobs(t *testing.T) (jobs []ciJob) {
	t.Helper()
	text, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		file, body, _ := strings.Cut(block[2], "\n")
		switch {
		case block[1] == "yaml" && file == "# .gitlab-ci.yml":
			jobs = append(jobs, gitlabJobs(t, body)...)
		case block[1] == "yaml" && file == "# .github/workflows/flash.yml":
			jobs = append(jobs, githubJobs(t, body)...)
		case block[1] == "yaml" && file == "# in place of the step Flash":
			var steps []githubStep
			decode(t, body, &steps)
			jobs = append(jobs, githubJob("tries", map[string]string{"BOARD": "bench-1"}, nil, steps))
		case block[1] == "groovy":
			jobs = append(jobs, jenkinsJob(t, body))
		case block[1] == "yaml":
			t.Errorf("docs/ci.md has a block that begins with %s; want the file for which it is", file)
		}
	}
	return jobs
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(text), to, yaml.Strict()); err != nil {
		t.Fatalf("docs/ci.md: %v", err)
	}
}

func gitlabJobs(t *testing.T, text string) (jobs []ciJob) {
	var all map[string]gitlabJob
	decode(t, text, &all)
	for name, g := range all {
		j := ciJob{server: "gitlab", name: name, env: g.Variables, retries: g.Retry.Max, retryOn: g.Retry.ExitCodes, junit: g.Artifacts.Reports["junit"]}
		for _, m := range g.Parallel.Matrix {
			j.name, j.env = name+"-matrix", map[string]string{}
			for variable, values := range m {
				j.env[variable] = values[0]
			}
		}
		j.steps = append(j.steps, ciStep{gitlabShell, strings.Join(g.Script, "\n")})
		if len(g.AfterScript) > 0 {
			j.steps = append(j.steps, ciStep{gitlabShell, strings.Join(g.AfterScript, "\n")})
		}
		j.files = g.Artifacts.Paths
		for _, path := range g.Artifacts.Reports {
			j.files = append(j.files, path)
		}
		jobs = append(jobs, j)
	}
	return jobs
}

func githubJobs(t *testing.T, text string) (jobs []ciJob) {
	var w githubWorkflow
	decode(t, text, &w)
	for name, g := range w.Jobs {
		if g.Strategy.Matrix != nil {
			name += "-matrix"
		}
		jobs = append(jobs, githubJob(name, g.Env, g.Strategy.Matrix, g.Steps))
	}
	return jobs
}

// expression matches what GitHub replaces before it starts a step.
var expression = regexp.MustCompile(`\$\{\{ (matrix|secrets)\.(\w+) \}\}`)

func githubJob(name string, env map[string]string, matrix map[string][]string, steps []githubStep) ciJob {
	j := ciJob{server: "github", name: name, env: map[string]string{}}
	value := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(found string) string {
			if m := expression.FindStringSubmatch(found); m[1] == "matrix" {
				return matrix[m[2]][0]
			}
			return ciSecret
		})
	}
	for key, text := range env {
		j.env[key] = value(text)
	}
	for _, s := range steps {
		for key, text := range s.Env {
			j.name = name + "-secret"
			j.env[key] = value(text)
		}
		if s.Run != "" {
			j.steps = append(j.steps, ciStep{githubShell, s.Run})
		}
		if strings.HasPrefix(s.Uses, "actions/upload-artifact@") {
			j.files = append(j.files, value(s.With["path"]))
		}
	}
	return j
}

var (
	jenkinsSh      = regexp.MustCompile(`(?s)\bsh (?:returnStatus: true, script: )?(?:'''(.*?)'''|'([^']*)')`)
	jenkinsEnv     = regexp.MustCompile(`environment \{ (\w+) = '([^']*)' \}`)
	jenkinsFiles   = regexp.MustCompile(`archiveArtifacts '([^']*)/\*\*'`)
	jenkinsJUnit   = regexp.MustCompile(`junit '([^']*)'`)
	jenkinsRetries = regexp.MustCompile(`attempt <= (\d) && status == 75`)
)

// jenkinsJob reads the steps of a pipeline. Its Groovy is not run: the test knows that it tries again on 75.
func jenkinsJob(t *testing.T, text string) ciJob {
	j := ciJob{server: "jenkins", name: "pipeline", env: map[string]string{}, retryOn: []int{75}}
	for _, m := range jenkinsSh.FindAllStringSubmatch(text, -1) {
		j.steps = append(j.steps, ciStep{jenkinsShell, m[1] + m[2]})
	}
	for _, m := range jenkinsEnv.FindAllStringSubmatch(text, -1) {
		j.env[m[1]] = m[2]
	}
	for _, m := range jenkinsFiles.FindAllStringSubmatch(text, -1) {
		j.files = append(j.files, m[1])
	}
	j.junit = jenkinsJUnit.FindStringSubmatch(text)[1]
	if jenkinsRetries.FindString(text) == "" {
		t.Error("docs/ci.md: the Jenkinsfile does not try again on 75")
	}
	return j
}
