// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Testing;

/// <summary>Objects that are nearly right.</summary>
internal static class HostileMembers
{
    /// <summary>An object with some of these members, or others, of any kind.</summary>
    public static string Make(Random random, params string[] members) => random.Next(20) == 0 ? "{}" : "{" + string.Join(",", Enumerable.Range(0, random.Next(1, 4)).Select(_ =>
        $"\"{(random.Next(8) == 0 ? "other" : members[random.Next(members.Length)])}\":{Value(random)}")) + "}";

    private static string Value(Random random) => random.Next(12) switch
    {
        0 => "null",
        1 => random.NextInt64().ToString(System.Globalization.CultureInfo.InvariantCulture),
        2 => "-1e999",
        3 => "[\"../../etc\",7,null]",
        4 => "{\"from\":\"-1h\"}",
        5 => "\"\\u0000\\ud800\"",
        6 => $"\"{new string('f', random.Next(2000))}\"",
        7 => $"\"{Convert.ToHexStringLower(BitConverter.GetBytes(random.NextInt64()))}{Convert.ToHexStringLower(BitConverter.GetBytes(random.NextInt64()))}\"",
        8 => "\"-9999999999d\"",
        9 => "\"9223372036854775807\"",
        10 => "\"host ' or 1=1; $(reboot)\"",
        _ => "\"\"",
    };
}
