// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Config;

/// <summary>A name that is one level of an MQTT topic: devices and requesters have such names. No wildcard, no control character.</summary>
internal static class TopicLevel
{
    public const string Help = "1 to 64 letters, digits, '.', '_' and '-'";
    private const int MaxLength = 64;

    public static bool IsValid(string text) =>
        text.Length is > 0 and <= MaxLength && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
}
