// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;

namespace Capbox.Platform.Linux;

/// <summary>C strings in fields of fixed size.</summary>
internal static unsafe class CText
{
    /// <summary>The text up to the first zero byte, or the whole field: a driver may have filled it to the end.</summary>
    public static string Read(byte* field, int bytes) => Read(new ReadOnlySpan<byte>(field, bytes));

    /// <inheritdoc cref="Read(byte*, int)"/>
    public static string Read(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }
}
