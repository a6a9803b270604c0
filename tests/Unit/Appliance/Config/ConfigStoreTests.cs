// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text;
using Capbox.Config;
using Xunit;

namespace Capbox.Tests;

/// <summary>The documents of a box on disk, whole and broken.</summary>
public sealed class ConfigStoreTests : IDisposable
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"capbox-config-{Guid.NewGuid():N}");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static string Document(int rings) => $$"""{"ports":[{"name":"lo","rings":{{rings}}}]}""";

    private static JsonElement Parsed(string line) => ConfigDocument.Parse(System.Text.Encoding.UTF8.GetBytes(line)).Document;

    private static void Apply(ConfigStore store, string line, long version = 1)
    {
        ConfigRevision revision = store.Add(Parsed(line), version, $"id{version}", "cli:me", "because", DateTimeOffset.UnixEpoch);
        store.Save(revision, new ConfigState(revision.Revision, revision.Revision, version, new ConfigOutcome(version, $"id{version}", ConfigStatus.Applied, []), null));
    }

    private string File(long revision) => Path.Combine(_directory, $"revision-{revision:D10}.json");

    [Fact]
    public void A_new_box_has_the_built_in_document_or_the_given_one()
    {
        using (ConfigStore store = ConfigStore.Open(_directory))
            Assert.Equal((1, "factory", ConfigStore.FactoryDocument), (store.Current.Revision, store.Current.Who, store.Current.Line));
        Assert.NotNull(ConfigDocument.Parse(Encoding.UTF8.GetBytes(ConfigStore.FactoryDocument)).Options);
        Directory.Delete(_directory, recursive: true);
        using (ConfigStore store = ConfigStore.Open(_directory, Encoding.UTF8.GetBytes("// mine\n" + Document(2))))
            Assert.Equal(Document(2), store.Current.Line);
        // The second start has one already.
        using (ConfigStore store = ConfigStore.Open(_directory, Encoding.UTF8.GetBytes(Document(5))))
            Assert.Equal(Document(2), store.Current.Line);
    }

    [Fact]
    public void What_is_in_force_is_so_after_a_restart_with_its_origin()
    {
        using (ConfigStore store = ConfigStore.Open(_directory))
            Apply(store, Document(3), version: 9);
        using (ConfigStore store = ConfigStore.Open(_directory))
        {
            Assert.Equal(Document(3), store.Current.Line);
            Assert.Equal((2, 9, "id9", "cli:me", "1970-01-01T00:00:00.000Z", "because"), (store.Current.Revision, store.Current.Version, store.Current.Id, store.Current.Who, store.Current.When, store.Current.Why));
            Assert.Equal(9, store.State.HighestVersion);
            Assert.Empty(store.Notes);
        }
    }

    [Fact]
    public void One_process_at_a_time()
    {
        using ConfigStore store = ConfigStore.Open(_directory);
        Assert.Contains("in use by another capbox", Assert.Throws<IOException>(() => ConfigStore.Open(_directory)).Message);
    }

    [Fact]
    public void The_last_fifty_are_kept_and_numbers_never_come_again()
    {
        using ConfigStore store = ConfigStore.Open(_directory);
        for (int i = 1; i <= 60; i++)
            Apply(store, Document((i % 60) + 1), i);
        Assert.Equal(Enumerable.Range(12, 50).Select(n => (long)n).Reverse(), store.Numbers());
        Assert.Null(store.TryRead(3, out string? problem));
        Assert.StartsWith("there is no revision 3; there are 61, 60", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void The_document_to_go_back_to_is_not_deleted()
    {
        using ConfigStore store = ConfigStore.Open(_directory);
        store.Save(store.Current, store.State with { Trial = new PendingChange(1, true, 100, "boot", 0, 0, null) });
        for (int i = 0; i < 60; i++)
            store.Add(Parsed(Document(2)), i, $"id{i}", "cli:me", "", DateTimeOffset.UnixEpoch);
        Assert.NotNull(store.TryRead(1, out _));
    }

    [Theory]
    [InlineData("", "damaged")]
    [InlineData("{", "damaged")]
    [InlineData("{\"revision\":3}", "digest differs|damaged")]
    [InlineData("{\"revision\":2}", "not what its name says")]
    [InlineData("null", "not what its name says")]
    public void A_broken_document_is_passed_over_loudly(string content, string expected)
    {
        using (ConfigStore store = ConfigStore.Open(_directory, Encoding.UTF8.GetBytes(Document(1))))
        {
            Apply(store, Document(2));
            Apply(store, Document(3), 2);
        }

        System.IO.File.WriteAllText(File(3), content);
        using ConfigStore again = ConfigStore.Open(_directory);
        Assert.Equal(Document(2), again.Current.Line);
        Assert.Contains(again.Notes, n => n.Contains(File(3), StringComparison.Ordinal) && expected.Split('|').Any(e => n.Contains(e, StringComparison.Ordinal)));
        Assert.Contains(again.Notes, n => n.Contains("revision 2 is in force", StringComparison.Ordinal));
        Assert.Equal((ConfigStatus.RolledBack, true), (again.State.Outcome.Status, again.IsPassedOver));
        // Its number is not used again.
        Assert.Equal(4, again.Add(Parsed(Document(4)), 5, "x", "cli:me", "", DateTimeOffset.UnixEpoch).Revision);
    }

    [Fact]
    public void A_bit_that_rots_is_noticed()
    {
        using (ConfigStore store = ConfigStore.Open(_directory, Encoding.UTF8.GetBytes(Document(1))))
            Apply(store, Document(2));
        System.IO.File.WriteAllText(File(2), System.IO.File.ReadAllText(File(2)).Replace("\"rings\": 2", "\"rings\": 3", StringComparison.Ordinal));
        using ConfigStore again = ConfigStore.Open(_directory);
        Assert.Equal(Document(1), again.Current.Line);
        Assert.Contains(again.Notes, n => n.Contains("digest differs", StringComparison.Ordinal));
    }

    [Fact]
    public void A_document_that_this_program_takes_no_more_is_passed_over()
    {
        using (ConfigStore store = ConfigStore.Open(_directory, Encoding.UTF8.GetBytes(Document(1))))
            Apply(store, """{"ports":[],"futureKey":1}""");
        using ConfigStore again = ConfigStore.Open(_directory);
        Assert.Equal(Document(1), again.Current.Line);
        Assert.Contains(again.Notes, n => n.Contains("$.futureKey: unknown key", StringComparison.Ordinal));
    }

    /// <summary>It was accepted when the name could be looked up, and will be again.</summary>
    [Fact]
    public void A_document_whose_filter_does_not_compile_now_stays_in_force()
    {
        const string line = """{"filters":{"a":"host nowhere.invalid"},"ports":[{"name":"lo","filter":"@a or host neither.invalid"}],"storage":{"mode":"trigger","trigger":{"filter":"@a"}}}""";
        using (ConfigStore store = ConfigStore.Open(_directory, Encoding.UTF8.GetBytes(Document(1))))
            Apply(store, line);
        using ConfigStore again = ConfigStore.Open(_directory);
        Assert.Equal(line, again.Current.Line);
        Assert.Empty(again.Notes);
        ConfigResult kept = ConfigDocument.ParseKept(again.Current.Line);
        Assert.Equal(("(host nowhere.invalid) or host neither.invalid", true), (kept.Options!.Ports[0].Filter, kept.Options.FiltersMayWait));
        // A new one is judged strictly, and what is wrong at any time is so in a kept one too.
        Assert.Contains(ConfigDocument.Parse(Encoding.UTF8.GetBytes(line)).Errors, e => e.Path == "$.filters.a");
        Assert.NotEmpty(ConfigDocument.ParseKept("""{"ports":[{"name":"lo","filter":"@none"}]}""").Errors);
    }

    [Theory]
    [InlineData("state.json", "nonsense")]
    [InlineData("state.json", "{}")]
    [InlineData("state.json", null)]
    public void Without_its_state_the_newest_good_document_is_in_force(string name, string? content)
    {
        using (ConfigStore store = ConfigStore.Open(_directory, Encoding.UTF8.GetBytes(Document(1))))
        {
            Apply(store, Document(2), 7);
            Apply(store, Document(3), 8);
        }

        string path = Path.Combine(_directory, name);
        if (content is null)
            System.IO.File.Delete(path);
        else
            System.IO.File.WriteAllText(path, content);
        using ConfigStore again = ConfigStore.Open(_directory);
        Assert.Equal(Document(3), again.Current.Line);
        Assert.Equal(8, again.State.HighestVersion);
        Assert.NotEmpty(again.Notes);
    }

    [Fact]
    public void When_nothing_is_left_the_first_document_is_in_force_again()
    {
        using (ConfigStore store = ConfigStore.Open(_directory))
            Apply(store, Document(2));
        foreach (string path in Directory.GetFiles(_directory, "*.json"))
            System.IO.File.WriteAllText(path, "\0\0\0\0");
        using ConfigStore again = ConfigStore.Open(_directory, Encoding.UTF8.GetBytes(Document(9)));
        Assert.Equal(Document(9), again.Current.Line);
        Assert.Contains(again.Notes, n => n.Contains("no good document is left", StringComparison.Ordinal));
    }
}
