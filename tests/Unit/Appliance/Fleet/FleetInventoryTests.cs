// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Capbox.Cli;
using Capbox.Fleet;
using Xunit;

namespace Capbox.Tests;

/// <summary>What is heard at a broker where anybody may say anything, and what is made of it.</summary>
public class FleetInventoryTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 26, 9, 30, 0, TimeSpan.Zero);

    private static FleetBox? Take(FleetInventory roster, string topic, string payload, DateTimeOffset? at = null) => roster.Record("capbox/v1/" + topic, Encoding.UTF8.GetBytes(payload), at);

    private static FleetInventory Example(bool keepsDocuments = true)
    {
        FleetInventory roster = new(keepsDocuments);
        Take(roster, "CB-10/state", """{"state":"lost","session":"s"}""");
        Take(roster, "CB-9/state", """{"state":"ready","session":"s"}""");
        Take(roster, "CB-9/info", """{"model":"capbox","serial":"77","version":"capbox 0.1.0","os":"Linux","mayConfigure":true,"later":[1]}""");
        Take(roster, "CB-9/health", """{"overall":"error","components":{},"alarms":[{"id":"clock-state","severity":"warning","since":"t","text":"free"},{"id":"port-down/eth2","severity":"error","since":"t","text":"eth2 is down"}]}""", s_now);
        Take(roster, "CB-9/config/reported", """{"version":8,"id":"j","status":"rejected","errors":[{"path":"$.a","reason":"no"}],"revision":7,"config":{"ports":[{"name":"eth2"},{"name":"eth3","netns":"blue"}]}}""");
        return roster;
    }

    [Fact]
    public void What_boxes_publish_is_a_table()
    {
        FleetInventory roster = Example();
        Assert.Equal(
            [
                "DEVICE  STATE  VERSION  REVISION  CONFIG    HEALTH     HEARD  WORST ALARM",
                "CB-9    ready  0.1.0           7  rejected  error   12 s ago  port-down/eth2: eth2 is down",
                "CB-10   lost   -               -  -         -              -",
                "2 boxes: 1 ready, 1 lost; health: 1 error, 1 unknown; 1 published nothing but a state",
            ],
            FleetView.Status([.. roster.Boxes], s_now.AddSeconds(12)));
        FleetBox box = roster["CB-9"]!;
        Assert.Equal(["eth2", "blue/eth3"], box.Report!.Ports);
        Assert.Equal(8, box.Report.HighestVersion);
        Take(roster, "CB-9/config/reported", """{"version":8,"id":"j","highestVersion":90,"status":"rejected","errors":[{"path":"$.a","reason":"no"}],"revision":7,"config":{"ports":[{"name":"eth2"},{"name":"eth3","netns":"blue"}]}}""");
        Assert.Equal(90, roster["CB-9"]!.Report!.HighestVersion);
        Assert.Equal(["$.a: no"], box.Report.Errors);
        Assert.Equal("""{"ports":[{"name":"eth2"},{"name":"eth3","netns":"blue"}]}""", box.Report.Config);
        Assert.Null(Example(keepsDocuments: false)["CB-9"]!.Report!.Config);
    }

    [Theory]
    [InlineData("CB-9/state", "")]
    [InlineData("CB-9/info", "")]
    [InlineData("CB-9/config/reported", "")]
    public void What_is_taken_away_is_not_known_any_more(string topic, string payload)
    {
        FleetBox box = Take(Example(), topic, payload)!;
        Assert.Single(new object?[] { box.State, box.Info, box.Report }, o => o is null);
    }

    [Theory]
    [InlineData("CB-9/state", "{}")]
    [InlineData("CB-9/state", "ready")]
    [InlineData("CB-9/state", "{\"state\":7}")]
    [InlineData("CB-9/info", "[]")]
    [InlineData("CB-9/health", "{\"overall\":\"fine\"}")]
    [InlineData("CB-9/config/reported", "{\"status\":\"applied\",\"id\":\"x\"}")]
    [InlineData("CB-9/config/reported", "{\"status\":\"applied\",\"id\":\"x\",\"config\":\"{}\"}")]
    [InlineData("CB-9/state", "{\"state\":\"\\ud800\"}")]
    public void What_is_no_such_message_is_counted_and_forgotten(string topic, string payload)
    {
        FleetInventory roster = Example();
        FleetBox before = roster["CB-9"]!;
        Assert.Null(Take(roster, topic, payload));
        Assert.Equal((1L, 0L), (roster.Counts.Malformed, roster.Counts.Foreign));
        Assert.Equal("capbox/v1/" + topic, roster.Counts.FirstMalformed);
        Assert.Equal(before, roster["CB-9"]);
    }

    [Theory]
    [InlineData("CB 9/state")]
    [InlineData("/state")]
    [InlineData("CB-9")]
    [InlineData("CB-9/")]
    [InlineData("CB-9/elsewhere")]
    [InlineData("a+b/state")]
    public void Topics_of_nobody_are_counted(string topic)
    {
        FleetInventory roster = new(keepsDocuments: true);
        Assert.Null(Take(roster, topic, """{"state":"ready"}"""));
        Assert.Null(roster.Record("elsewhere/x/state", "{}"u8.ToArray(), null));
        Assert.Equal((2L, 0), (roster.Counts.Foreign, roster.Count));
    }

    [Fact]
    public void Text_of_a_box_neither_fills_the_memory_nor_steers_a_terminal()
    {
        FleetInventory roster = new(keepsDocuments: true);
        FleetBox box = Take(roster, "CB-1/state", $$"""{"state":"\u001b[2J\u202eready{{new string('x', 5000)}}","session":"s"}""")!;
        Assert.StartsWith(" [2J ready", box.State, StringComparison.Ordinal);
        Assert.True(box.State!.Length < FleetReader.MaxText + 10);
    }

    [Fact]
    public void There_is_room_for_so_many_boxes()
    {
        FleetInventory roster = new(keepsDocuments: true);
        for (int i = 0; i < FleetInventory.MaxBoxes + 5; i++)
            Take(roster, $"B{i}/state", """{"state":"ready","session":"s"}""");
        Take(roster, "B1/state", """{"state":"lost","session":"s"}""");
        Assert.Equal((FleetInventory.MaxBoxes, 5L), (roster.Count, roster.Counts.BoxesBeyond));
        Assert.Equal("lost", roster["B1"]!.State);
    }

    [Fact]
    public void There_is_room_for_so_many_documents_together()
    {
        const int MostBytes = 16 << 20;
        FleetInventory roster = new(keepsDocuments: true, MostBytes);
        string large = """{"version":1,"id":"j","status":"applied","errors":[],"revision":1,"config":{"filters":{"a":"TEXT"}}}""".Replace("TEXT", new string('x', 1 << 20), StringComparison.Ordinal);
        int fit = (MostBytes / (1 << 20)) - 1;
        for (int i = 0; i < fit + 3; i++)
            Take(roster, $"B{i}/config/reported", large);
        long beyond = roster.Counts.DocumentsBeyond;
        Assert.InRange(beyond, 1, 3);
        Assert.Null(roster[$"B{fit + 2}"]!.Report!.Config);
        // Another one in place of one that is kept.
        Take(roster, "B0/config/reported", large);
        Assert.NotNull(roster["B0"]!.Report!.Config);
        Assert.Equal(beyond, roster.Counts.DocumentsBeyond);
    }

    [Fact]
    public void Names_are_in_the_order_in_which_people_count() =>
        Assert.Equal(["CB", "CB-2", "CB-02x", "CB-9", "CB-10", "CB-10a", "LD4-1"], "LD4-1 CB-10a CB-9 CB-10 CB-02x CB CB-2".Split(' ').Order(DeviceOrder.Instance));

    [Fact]
    public void A_round_of_questions_has_so_many_open_and_takes_each_answer_once()
    {
        var round = new CommandFanout(["a", "b", "c"], parallel: 2, patienceMs: 1000);
        IReadOnlyList<(string Device, byte[] Correlation)> first = round.Step(0);
        Assert.Equal(["a", "b"], first.Select(q => q.Device));
        Assert.Empty(round.Step(10));
        Assert.Null(round.Heard("a", null, "{}"u8.ToArray(), 20));
        Assert.Null(round.Heard("a", first[1].Correlation, "{}"u8.ToArray(), 20));
        Assert.Null(round.Heard("c", first[0].Correlation, "{}"u8.ToArray(), 20));
        Assert.Equal(new BoxAnswer("a", "{\"x\":[1,2]}", null, 30), round.Heard("a", first[0].Correlation, Encoding.UTF8.GetBytes("{\"ok\":true,\n\"result\":{ \"x\" : [1,\n2] }}"), 30));
        Assert.Null(round.Heard("a", first[0].Correlation, "{\"ok\":true,\"result\":1}"u8.ToArray(), 31));
        Assert.Equal("c", Assert.Single(round.Step(40)).Device);
        Assert.Empty(round.Overdue(999));
        Assert.Equal(new BoxAnswer("b", null, BoxAnswer.NoAnswer, null), Assert.Single(round.Overdue(1000)));
        Assert.False(round.IsOver);
        Assert.Equal("c", Assert.Single(round.Overdue(1040)).Device);
        Assert.True(round.IsOver);
        Assert.Equal((3, 4L), (round.Done, round.Strays));
    }

    [Theory]
    [InlineData("{\"ok\":false,\"error\":\"$.command: there is no \\u001b\"}", "$.command: there is no  ")]
    [InlineData("{\"ok\":false}", "its answer is none that docs/reference/control.md knows")]
    [InlineData("{\"ok\":1,\"result\":1}", "its answer is none that docs/reference/control.md knows")]
    [InlineData("", "its answer is none that docs/reference/control.md knows")]
    [InlineData("[[[", "its answer is none that docs/reference/control.md knows")]
    public void An_answer_that_is_none_is_told(string payload, string expected)
    {
        var round = new CommandFanout(["a"], 1, 1000);
        byte[] correlation = round.Step(0)[0].Correlation;
        Assert.Equal(expected, round.Heard("a", correlation, Encoding.UTF8.GetBytes(payload), 5)!.Error);
    }

    [Fact]
    public void A_round_that_is_stopped_asks_nobody_else()
    {
        var round = new CommandFanout(["a", "b"], 1, 1000);
        round.Step(0);
        round.Stop();
        round.Overdue(1000);
        Assert.Empty(round.Step(1001));
        Assert.True(round.IsOver);
    }
}
