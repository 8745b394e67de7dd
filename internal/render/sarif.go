package render

import (
	"slices"

	"github.com/mlopsctl/mlopsctl/pkg/diag"
)

// SARIF is a list of findings in the format that code scanning reads, version 2.1.0. What has no place stands at the beginning
// of the spec, file: a result without a line has the whole list refused there.
func SARIF(list diag.List, file, version string) ([]byte, error) {
	codes := []string{}
	for _, d := range list {
		codes = append(codes, d.Code)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	rules := []sarifRule{}
	for _, c := range codes {
		rules = append(rules, sarifRule{ID: c, Name: c, Short: sarifText{Text: Clean(c)}, Help: sarifText{Text: "mlopsctl explain " + Clean(c)}})
	}
	results := []sarifResult{}
	for _, d := range list {
		at, _ := slices.BinarySearch(codes, d.Code)
		text := Clean(d.Summary)
		if d.Detail != "" {
			text += "; " + Clean(d.Detail)
		}
		results = append(results, sarifResult{RuleID: d.Code, RuleIndex: at, Level: string(d.Severity), Message: sarifText{Text: text}, Locations: []sarifLocation{sarifPlace(d.Source, file)}})
	}
	return JSON(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{{
			Tool: sarifTool{Driver: sarifDriver{Name: "mlopsctl", URI: "https://github.com/mlopsctl/mlopsctl", Version: version, Rules: rules}},
			// Without it a line of the spec would be taken for one of another checkout.
			Columns: "unicodeCodePoints", Results: results,
		}},
	})
}

func sarifPlace(at *diag.Pos, file string) sarifLocation {
	if at == nil || at.File == "" {
		at = &diag.Pos{File: file}
	}
	l := sarifLocation{}
	l.Physical.Artifact.URI = pathInURL(at.File)
	l.Physical.Region = sarifRegion{Line: max(at.Line, 1), Column: max(at.Column, 1)}
	return l
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Columns string        `json:"columnKind"`
	Results []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	URI     string      `json:"informationUri"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Short sarifText `json:"shortDescription"`
	Help  sarifText `json:"help"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region sarifRegion `json:"region"`
	} `json:"physicalLocation"`
}

type sarifRegion struct {
	Line   int `json:"startLine"`
	Column int `json:"startColumn"`
}
