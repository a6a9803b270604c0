// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary>A feed as a set of multicast groups and destination ports, turned into a tcpdump expression.</summary>
internal static class FilterSet
{
    private const int MaxEntries = 1024;

    private static readonly ArrayKey s_groups = new(
        "groups", "array of strings", MaxEntries,
        "Multicast groups, IPv4 or IPv6, or prefixes of them (`239.1.2.0/24`): the destination is one of them.", static () => new JsonObject { ["type"] = "string" })
    { Range = "at most 1024" };

    private static readonly ArrayKey s_ports = new(
        "ports", "array of integers and strings", MaxEntries,
        "Destination ports, 1 to 65535, or ranges `\"30010-30020\"`: the destination port is one of them.",
        static () => new JsonObject
        {
            ["anyOf"] = new JsonArray(
                new JsonObject { ["type"] = "integer", ["minimum"] = 1, ["maximum"] = 65535 },
                new JsonObject { ["type"] = "string", ["pattern"] = "^[0-9]{1,5}-[0-9]{1,5}$" }),
        })
    { Range = "at most 1024" };

    private static readonly ChoiceKey<string?> s_protocol = new("protocol", null, "Protocol.", ("udp", "udp"), ("tcp", "tcp"));

    /// <summary>The object form of a named filter.</summary>
    public static readonly SectionKey Set = new("filters[name]", "A set, of which all given parts must hold.", s_groups, s_ports, s_protocol);

    /// <summary>Reads the object form of a named filter; null if it has errors, which are in <paramref name="errors"/>.</summary>
    public static string? Read(JsonElement element, string path, ConfigErrors errors)
    {
        int before = errors.Count;
        JsonNodeReader node = new(element, path, errors);
        List<string> groups = ReadList(s_groups.Read(node), ReadGroup, errors);
        List<string> ports = ReadList(s_ports.Read(node), ReadPort, errors);
        string? protocol = s_protocol.Read(node);
        node.Finish();
        if (errors.Count != before)
            return null;
        if (groups.Count == 0 && ports.Count == 0 && protocol is null)
        {
            errors.Add(path, "an empty set; give groups, ports or protocol");
            return null;
        }

        List<string> parts = [];
        if (protocol is not null)
            parts.Add(protocol);
        if (groups.Count > 0)
            parts.Add($"({string.Join(" or ", groups)})");
        if (ports.Count > 0)
            parts.Add($"({string.Join(" or ", ports)})");
        return string.Join(" and ", parts);
    }

    private static List<string> ReadList(
        IReadOnlyList<(string Path, JsonElement Value)> elements, Func<JsonElement, (string? Term, string Error)> read, ConfigErrors errors)
    {
        List<string> terms = [];
        foreach ((string path, JsonElement value) in elements)
        {
            (string? term, string error) = read(value);
            if (term is null)
                errors.Add(path, error);
            else
                terms.Add(term);
        }

        return terms;
    }

    private static (string? Term, string Error) ReadGroup(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
            return (null, $"expected a group as \"239.1.1.1\", found {JsonNodeReader.Describe(value)}");
        string text = value.GetString()!;
        bool isNet = text.Contains('/');
        IPAddress? address;
        if (isNet)
        {
            // libpcap refuses a prefix with host bits set; IPNetwork clears them, so it must read as it was written.
            if (!IPNetwork.TryParse(text, out IPNetwork net) || !net.ToString().Equals(text, StringComparison.OrdinalIgnoreCase))
                return (null, $"\"{text}\" is not an address prefix");
            address = net.BaseAddress;
        }
        else if (!IPAddress.TryParse(text, out address) || !address.ToString().Equals(text, StringComparison.OrdinalIgnoreCase))
        {
            return (null, $"\"{text}\" is not an IP address in its usual form");
        }

        bool isMulticast = address.AddressFamily == AddressFamily.InterNetworkV6
            ? address.IsIPv6Multicast
            : address.GetAddressBytes()[0] is >= 224 and <= 239;
        return isMulticast
            ? ($"dst {(isNet ? "net" : "host")} {text}", "")
            : (null, $"{text} is not a multicast group; write other addresses as an expression, \"host {text}\"");
    }

    private static (string? Term, string Error) ReadPort(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int port) && port is > 0 and <= 65535)
            return (string.Create(CultureInfo.InvariantCulture, $"dst port {port}"), "");
        if (value.ValueKind == JsonValueKind.String && value.GetString()!.Split('-') is [string low, string high]
            && ushort.TryParse(low, NumberStyles.None, CultureInfo.InvariantCulture, out ushort from)
            && ushort.TryParse(high, NumberStyles.None, CultureInfo.InvariantCulture, out ushort to) && from > 0 && from <= to)
        {
            return (string.Create(CultureInfo.InvariantCulture, $"dst portrange {from}-{to}"), "");
        }

        return (null, $"expected a port from 1 to 65535 or a range as \"30010-30020\", found {JsonNodeReader.Describe(value)}");
    }
}
