// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Config;
using Xunit;

namespace Capbox.Tests;

public class ConfigTextTests
{
    private const string Box = """{"ports":[{"name":"eth2","filter":"udp"},{"netns":"blue","name":"eth2"}],"filters":{"my feed":"port 7"},"storage":{"rotate":"1m"}}""";

    [Theory]
    [InlineData("storage.rotate", "\"1m\"")]
    [InlineData("$.storage.rotate", "\"1m\"")]
    [InlineData("ports[0].filter", "\"udp\"")]
    [InlineData("$.ports[eth2].filter", "\"udp\"")]
    [InlineData("ports[blue/eth2].netns", "\"blue\"")]
    [InlineData("filters['my feed']", "\"port 7\"")]
    public void A_part_is_found_by_its_path(string path, string expected) => Assert.Equal(expected, ConfigText.Get(Box, path));

    [Theory]
    [InlineData("storage.rotat", "there is no $.storage.rotat")]
    [InlineData("ports[eth9].filter", "there is no $.ports[eth9]")]
    [InlineData("ports[2]", "there is no $.ports[2]")]
    [InlineData("storage.rotate.x", "there is no $.storage.rotate.x")]
    [InlineData("ports[0", "a bracket is not closed")]
    [InlineData("storage..rotate", "a key is missing after \"storage.\"")]
    public void A_path_that_leads_nowhere_is_told(string path, string expected) =>
        Assert.Contains(expected, Assert.Throws<ConfigPathException>(() => ConfigText.Get(Box, path)).Message);

    [Theory]
    [InlineData("storage.rotate", "5m", """{"rotate":"5m"}""", "storage")]
    [InlineData("storage.retention.minFree", "5%", """{"rotate":"1m","retention":{"minFree":"5%"}}""", "storage")]
    [InlineData("storage.rotate", "null", "{}", "storage")]
    [InlineData("ports[blue/eth2].snapLength", "128", """{"netns":"blue","name":"eth2","snapLength":128}""", "ports[1]")]
    [InlineData("ports[2]", """{"name":"lo"}""", """{"name":"lo"}""", "ports[2]")]
    [InlineData("filters['my feed']", "tcp < 5", "\"tcp < 5\"", "filters['my feed']")]
    [InlineData("storage.directory", "\"17\"", "\"17\"", "storage.directory")]
    public void A_value_is_set_and_nothing_else(string path, string value, string expected, string where)
    {
        string after = ConfigText.Set(Box, path, value);
        Assert.Equal(ConfigText.ToText(System.Text.Encoding.UTF8.GetBytes(expected)), ConfigText.Get(after, where));
        Assert.Single(ConfigDifference.Between(Box, after));
    }

    [Fact]
    public void An_element_is_taken_away() => Assert.Equal("""[{"netns":"blue","name":"eth2"}]""", string.Concat(ConfigText.Get(ConfigText.Set(Box, "ports[eth2]", "null"), "ports").Where(c => !char.IsWhiteSpace(c))));

    [Theory]
    [InlineData("$", "{}", "the whole document")]
    [InlineData("ports[4]", "{}", "there is no $.ports[4]")]
    [InlineData("ports.x", "1", "$.ports is no object")]
    [InlineData("storage[0]", "1", "$.storage is no array")]
    [InlineData("nothing[0]", "1", "there is no $.nothing")]
    [InlineData("storage.nothing", "null", "there is no $.storage.nothing")]
    public void What_cannot_be_set_is_told(string path, string value, string expected) =>
        Assert.Contains(expected, Assert.Throws<ConfigPathException>(() => ConfigText.Set(Box, path, value)).Message);

    [Fact]
    public void Differences_are_told_by_path_and_name_and_order_is_none()
    {
        const string After = """{"storage":{"rotate":"1m"},"filters":{"my feed":"port 8"},"ports":[{"name":"lo"},{"name":"eth2","netns":"blue"},{"filter":"udp","name":"eth2","rings":2}]}""";
        Assert.Equal(
            ["+ $.ports[eth2].rings: 2", "+ $.ports[lo]: {\"name\":\"lo\"}", "~ $.filters['my feed']: \"port 7\" -> \"port 8\""],
            ConfigDifference.Between(Box, After).Select(d => d.ToString()));
        Assert.Empty(ConfigDifference.Between(Box, Box));
    }
}
