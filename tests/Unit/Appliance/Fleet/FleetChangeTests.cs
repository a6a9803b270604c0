// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using Capbox.Cli;
using Capbox.Fleet;
using Capbox.Platform.Json;
using Xunit;

namespace Capbox.Tests;

/// <summary>One change, and what each box would have with it.</summary>
public class FleetChangeTests
{
    private const string Own = """{"serial":"CB-1","mqtt":{"broker":"mqtt://127.0.0.1"},"filters":{"a":"udp"},"ports":[{"name":"lo","filter":"tcp"}],"storage":{"retention":{"minFree":"5%"}}}""";

    /// <summary>The cases of RFC 7396, appendix A.</summary>
    [Theory]
    [InlineData("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"a":null}""", """{}""")]
    [InlineData("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""")]
    [InlineData("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""")]
    [InlineData("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [InlineData("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""")]
    [InlineData("""["a","b"]""", """["c","d"]""", """["c","d"]""")]
    [InlineData("""{"a":"b"}""", """["c"]""", """["c"]""")]
    [InlineData("""{"a":"foo"}""", "null", "null")]
    [InlineData("""{"e":null}""", """{"a":1}""", """{"e":null,"a":1}""")]
    [InlineData("""[1,2]""", """{"a":"b","c":null}""", """{"a":"b"}""")]
    [InlineData("{}", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    public void A_merge_patch_does_what_its_standard_says(string document, string patch, string expected)
    {
        JsonNode? target = JsonNode.Parse(document), changes = JsonNode.Parse(patch);
        Assert.Equal(expected, MergePatch.Apply(target, changes)?.ToJsonString() ?? "null");
        Assert.Equal(document, target!.ToJsonString());
    }

    private static BoxChange Make(string? file, bool whole = false, string own = Own, params string[] settings) => FleetChange.Parse(file, whole, settings).For("CB-1", own);

    [Fact]
    public void A_patch_and_single_values_go_into_the_boxs_own_document()
    {
        BoxChange change = Make("""{"filters":{"b":"icmp"}, /* free */ "storage":{"retention":{"maxAge":"30d"}}}""", settings: ["ports[lo].filter=@b", "change.watch=5s"]);
        Assert.Empty(change.Errors);
        Assert.Equal(["+ $.filters.b: \"icmp\"", "~ $.ports[lo].filter: \"tcp\" -> \"@b\"", "+ $.storage.retention.maxAge: \"30d\"", "+ $.change: {\"watch\":\"5s\"}"], change.Differences.Select(d => d.ToString()));
        Assert.Contains("\"serial\":\"CB-1\"", change.Document, StringComparison.Ordinal);
        Assert.False(change.NeedsNewSession);
    }

    [Fact]
    public void A_whole_document_leaves_a_box_its_name_and_its_broker()
    {
        BoxChange change = Make("""{"ports":[{"name":"lo"}]}""", whole: true);
        Assert.Empty(change.Errors);
        Assert.Equal(["- $.filters: {\"a\":\"udp\"}", "- $.ports[lo].filter: \"tcp\"", "- $.storage: {\"retention\":{\"minFree\":\"5%\"}}"], change.Differences.Select(d => d.ToString()).Order());
    }

    [Fact]
    public void What_a_box_has_already_is_no_change()
    {
        Assert.Empty(Make("""{"filters":{"a":"udp"}}""").Differences);
        Assert.Empty(Make("""{"filters":{"no":null}}""").Differences);
    }

    [Fact]
    public void A_change_of_the_connection_is_to_be_confirmed_over_another()
    {
        Assert.True(Make("""{"mqtt":{"keepAlive":"5s"}}""").NeedsNewSession);
        Assert.True(Make("""{"storage":{"directory":"/elsewhere"}}""").NeedsNewSession);
    }

    [Theory]
    [InlineData("""{"serial":"CB-2"}""", "$.mqtt.deviceId: the box would be called \"CB-2\" and no longer \"CB-1\"")]
    [InlineData("""{"mqtt":{"deviceId":"CB-9"}}""", "$.mqtt.deviceId: the box would be called \"CB-9\" and no longer \"CB-1\"")]
    [InlineData("""{"serial":null}""", "$.mqtt.deviceId: the box would not be called \"CB-1\" any more")]
    [InlineData("""{"mqtt":null}""", "$.mqtt: the box would leave the broker for good")]
    [InlineData("""{"ports":[{"name":"lo","filter":"ucp"}]}""", "$.ports[0].filter: ")]
    [InlineData("""{"poorts":[]}""", "$.poorts: unknown key")]
    public void A_change_that_would_cost_the_box_is_refused(string patch, string expected)
    {
        ConfigError error = Assert.Single(Make(patch).Errors);
        Assert.StartsWith(expected, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_serial_may_change_where_the_name_stays() => Assert.Empty(Make("""{"serial":"new","mqtt":{"deviceId":"CB-1"}}""").Errors);

    [Theory]
    [InlineData(null, false, "", "nothing to change")]
    [InlineData(null, true, "a=1", "needs a document")]
    [InlineData("[1]", false, "", "$: expected an object")]
    [InlineData("{\"a\":", false, "", "line 1, column 6: ")]
    [InlineData("{}", false, "novalue", "novalue: expected PATH=VALUE")]
    [InlineData("{}", false, "=1", "=1: expected PATH=VALUE")]
    public void What_is_no_change_is_told(string? file, bool whole, string setting, string expected) =>
        Assert.StartsWith(expected, Assert.Throws<FleetChangeException>(() => FleetChange.Parse(file, whole, setting.Length > 0 ? [setting] : [])).Message, StringComparison.Ordinal);

    [Fact]
    public void A_place_that_is_not_there_and_a_document_that_is_none_are_errors_of_that_box_alone()
    {
        Assert.Equal("ports[eth9].filter: there is no $.ports[eth9]", Assert.Single(Make(null, settings: ["ports[eth9].filter=udp"]).Errors).ToString());
        Assert.StartsWith("$: its document cannot be changed", Assert.Single(Make("{}", own: "[]").Errors).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_may_hold_an_equals_sign_and_a_name_too()
    {
        Assert.Equal("+ $.filters.x: \"ip[0]=69\"", Assert.Single(Make(null, settings: ["filters.x=ip[0]=69"]).Differences).ToString());
        Assert.Equal("$.filters['x=y']", Assert.Single(Make(null, settings: ["filters['x=y']=ip[0]=69"]).Errors).Path);
    }

    [Fact]
    public void Boxes_with_the_same_difference_are_told_together()
    {
        var change = FleetChange.Parse("""{"filters":{"a":"icmp"}}""", isWhole: false, []);
        BoxChange[] changes = [.. "CB-1 CB-2 CB-3".Split(' ').Select(d => change.For(d, Own.Replace("CB-1", d, StringComparison.Ordinal))), change.For("CB-4", Own.Replace("\"udp\"", "\"icmp\"", StringComparison.Ordinal).Replace("CB-1", "CB-4", StringComparison.Ordinal))];
        IReadOnlyList<ChangeGroup> groups = FleetView.Groups(changes);
        Assert.Equal(["CB-1,CB-2,CB-3", "CB-4"], groups.Select(g => string.Join(',', g.Devices)));
        Assert.Equal(["3 boxes: CB-1, CB-2, CB-3", "  ~ $.filters.a: \"udp\" -> \"icmp\"", "  interrupted: none"], FleetView.Lines(groups[0]));
        Assert.Equal(["1 box: CB-4", "  no difference"], FleetView.Lines(groups[1]));
    }
}
