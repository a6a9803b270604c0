// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Fleet;
using Capbox.Health;
using Xunit;

namespace Capbox.Tests;

/// <summary>Which boxes an expression means, and what is said of one that means nothing.</summary>
public class FleetSelectionTests
{
    private static readonly FleetBox[] s_boxes =
    [
        Box("LD4-1", "ready", "0.1.0", HealthLevel.Ok, ["eth2", "eth3"], 7),
        Box("LD4-2", "ready", "0.2.0", HealthLevel.Warning, ["eth2"], 12, "clock-state"),
        Box("LD4-10", "lost", "0.10.1", HealthLevel.Error, ["eth4"], 3, "port-down/eth4", "disk"),
        new("NY5-1") { State = "ready" },
    ];

    private static FleetBox Box(string id, string state, string version, HealthLevel health, string[] ports, long revision, params string[] alarms) => new(id)
    {
        State = state,
        Info = new BoxInfo("capbox", id, version, "Linux", "r", MayConfigure: true),
        Health = new BoxHealth(health, [.. alarms.Select(a => new BoxAlarm(a, health, "", "text"))]),
        Report = new BoxReport(revision, "x", revision, "applied", revision, [], ports, null),
    };

    [Theory]
    [InlineData("id=LD4-*", "LD4-1 LD4-2 LD4-10")]
    [InlineData("id=LD4-?", "LD4-1 LD4-2")]
    [InlineData("id!=LD4-*", "NY5-1")]
    [InlineData("id=LD4-1,NY5-1", "LD4-1 NY5-1")]
    [InlineData("id != LD4-1 , NY5-1", "LD4-2 LD4-10")]
    [InlineData("state=ready and health!=ok", "LD4-2 NY5-1")]
    [InlineData("health>ok", "LD4-2 LD4-10")]
    [InlineData("health>=warning and not state=lost", "LD4-2")]
    [InlineData("health=\"\"", "NY5-1")]
    [InlineData("version<0.2", "LD4-1")]
    [InlineData("version<0.2.0", "LD4-1")]
    [InlineData("version<=0.2.0", "LD4-1 LD4-2")]
    [InlineData("version>0.9", "LD4-10")]
    [InlineData("version=0.1*", "LD4-1 LD4-10")]
    [InlineData("port=eth2", "LD4-1 LD4-2")]
    [InlineData("port!=eth2", "LD4-10 NY5-1")]
    [InlineData("alarm=port-down/*", "LD4-10")]
    [InlineData("alarm=*", "LD4-2 LD4-10")]
    [InlineData("config=applied and revision>=7", "LD4-1 LD4-2")]
    [InlineData("configurable=yes", "LD4-1 LD4-2 LD4-10")]
    [InlineData("id=NY5-1 or id=LD4-1 and state=lost", "NY5-1")]
    [InlineData("(id=NY5-1 or id=LD4-10) and state=lost", "LD4-10")]
    [InlineData("not (id=NY5-1 or id=LD4-10)", "LD4-1 LD4-2")]
    [InlineData("not not id='LD4-1'", "LD4-1")]
    [InlineData("id=\"and\"", "")]
    [InlineData("model=capbox and serial=LD4-2 and os=Linux", "LD4-2")]
    public void An_expression_means_these_boxes(string text, string expected)
    {
        var selection = Selection.Parse(text);
        Assert.Equal(expected, string.Join(' ', s_boxes.Where(selection.Matches).Select(b => b.DeviceId)));
    }

    [Theory]
    [InlineData("", "column 1: expected one of id, state,")]
    [InlineData("site=LD4", "column 1: expected one of id, state, model, serial, version, os, configurable, health, alarm, port, config, revision, found \"site\"")]
    [InlineData("id", "column 3: expected = != < <= > or >=, found the end")]
    [InlineData("id=", "column 4: expected a value, found the end")]
    [InlineData("id=a and", "column 9: expected one of id,")]
    [InlineData("id=and", "column 4: expected a value, found \"and\"")]
    [InlineData("id=a state=ready", "column 6: expected \"and\", \"or\" or the end, found \"state\"")]
    [InlineData("(id=a", "column 6: expected \")\", found the end")]
    [InlineData("id=a)", "column 5: expected \"and\", \"or\" or the end, found \")\"")]
    [InlineData("id='a", "column 4: this quotation has no end")]
    [InlineData("id=a,", "column 6: expected a value, found the end")]
    [InlineData("id<a", "column 3: id has no order; version, revision, health have")]
    [InlineData("health>bad", "column 7: \"bad\" is none of ok, warning, error")]
    [InlineData("version>1,2", "column 8: > takes one value")]
    [InlineData("id!a", "column 3: \"!\" alone is nothing: != or not")]
    [InlineData("id=a;b", "column 5: \";\" belongs in quotation marks")]
    public void What_means_nothing_is_told_with_its_column(string text, string expected) =>
        Assert.StartsWith(expected, Assert.Throws<SelectionException>(() => Selection.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Neither_length_nor_depth_is_without_bound()
    {
        Assert.Contains("longer than", Assert.Throws<SelectionException>(() => Selection.Parse(new string('x', Selection.MaxLength + 1))).Message, StringComparison.Ordinal);
        Assert.Contains("deep", Assert.Throws<SelectionException>(() => Selection.Parse(new string('(', 1000))).Message, StringComparison.Ordinal);
        Assert.Contains("deep", Assert.Throws<SelectionException>(() => Selection.Parse(string.Concat(Enumerable.Repeat("not ", 100)) + "id=a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_is_given_is_an_expression_or_an_error_of_its_own()
    {
        var random = new Random(3);
        string[] pieces = ["id", "=", "!=", "<", "and", "or", "not", "(", ")", "\"", "'", ",", "*", "health", "ok", " ", "version", "\\", "\u202e", "0"];
        for (int i = 0; i < 20_000; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => pieces[random.Next(pieces.Length)]));
            try
            {
                Selection.Parse(text).Matches(s_boxes[0]);
            }
            catch (SelectionException)
            {
                // Told.
            }
        }
    }
}
