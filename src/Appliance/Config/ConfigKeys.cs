// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary>The keys of the document, from the root. Each section declares its own keys beside its reader.</summary>
internal static class ConfigKeys
{
    public const int MaxFilters = 1024;
    private const int MaxSerialLength = 64;

    public static readonly NumberKey Revision = new(
        "revision", 0, 0, long.MaxValue,
        "Version of this document, written into every segment; with `--state` the number that the box gave it is written instead.")
    { Range = "0 to 2^63-1" };

    public static readonly TextKey Serial = new("serial", "Serial of the box, written into every segment.", "")
    {
        MaxLength = MaxSerialLength,
        Pattern = "^[ -~]*$",
        Range = "0 to 64 printable ASCII characters",
        Check = static text => text.Length > MaxSerialLength || text.Any(c => c is < ' ' or > '~') ? "at most 64 printable ASCII characters" : null,
    };

    public static readonly MapKey Filters = new("filters", "object", MaxFilters, "Named filters, used as `@name`, see below.", static () => new JsonObject
    {
        ["anyOf"] = new JsonArray(
            new JsonObject { ["description"] = "tcpdump expression (pcap-filter(7)); @name stands for a named filter.", ["type"] = "string" },
            FilterSet.Set.Schema()),
    })
    { Range = "at most 1024 members" };

    public static readonly SectionKey Root = new(
        "$",
        "The configuration document of capbox. What a schema cannot express (filters that compile, sizes within their range, keys that exclude each other) "
        + "`capbox config check` reports.",
        Revision, Serial, Filters, StorageSection.Key, CustodySection.Key, ClockSection.Key, MqttSection.Key, MetricsSection.Key, ControlSection.Key,
        ChangeSection.Key, PortSection.Key);

    /// <summary>Sections with a table in the manual, by their heading there.</summary>
    public static IReadOnlyList<(string Path, SectionKey Section)> Tables =>
    [
        ("$", Root), ("$.storage", StorageSection.Key), ("$.storage.retention", RetentionSection.Key), ("$.storage.trigger", TriggerSection.Key),
        ("$.custody", CustodySection.Key), ("$.clock", ClockSection.Key), ("$.mqtt", MqttSection.Key), ("$.metrics", MetricsSection.Key),
        ("$.control", ControlSection.Key), ("$.change", ChangeSection.Key), ("$.ports[n]", PortSection.Element), ("$.filters", FilterSet.Set),
    ];
}
